/**
 * MessagePack says first how many values an array has, and the decoder makes room for them at once. A few bytes
 * that promise much must not cost the memory.
 *
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md, "Formats".
 */

export const UINT_64 = 0xcf;
export const INT_64 = 0xd3;
export const ARRAY_16 = 0xdc;
export const ARRAY_32 = 0xdd;

/** Throws when all arrays and maps together promise more values than there are bytes. */
export function refuseImpossibleSizes(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let promised = 0;
  for (let at = 0; at < bytes.length;) {
    const marker = bytes[at] ?? 0;
    promised += childrenOf(marker, view, at);
    if (promised > bytes.length) throw new RangeError("Arrays promise more values than there are bytes");
    at += 1 + lengthOf(marker, view, at + 1);
  }
}

function childrenOf(marker: number, view: DataView, at: number): number {
  if (marker >= 0x80 && marker <= 0x8f) return 2 * (marker & 0x0f);
  if (marker >= 0x90 && marker <= 0x9f) return marker & 0x0f;
  switch (marker) {
    case ARRAY_16:
      return view.getUint16(at + 1);
    case ARRAY_32:
      return view.getUint32(at + 1);
    case 0xde:
      return 2 * view.getUint16(at + 1);
    case 0xdf:
      return 2 * view.getUint32(at + 1);
    default:
      return 0;
  }
}

/** Bytes of a value after its marker, without its children. */
function lengthOf(marker: number, view: DataView, at: number): number {
  if (marker < 0xa0 || marker >= 0xe0) return 0;
  if (marker <= 0xbf) return marker & 0x1f;
  const { size = 0, extra = 0 } = LAYOUTS[marker] ?? {};
  if (size === 1) return 1 + view.getUint8(at) + extra;
  if (size === 2) return 2 + view.getUint16(at) + extra;
  if (size === 4) return 4 + view.getUint32(at) + extra;
  return extra;
}

interface Layout {
  /** Bytes of the length that stands in front. */
  readonly size?: 1 | 2 | 4;
  /** Bytes besides. */
  readonly extra?: number;
}

const LAYOUTS: Readonly<Record<number, Layout>> = {
  // Binary, extensions, floats, integers, fixed extensions, texts, arrays and maps.
  ...{ 0xc4: { size: 1 }, 0xc5: { size: 2 }, 0xc6: { size: 4 } },
  ...{ 0xc7: { size: 1, extra: 1 }, 0xc8: { size: 2, extra: 1 }, 0xc9: { size: 4, extra: 1 } },
  ...{ 0xca: { extra: 4 }, 0xcb: { extra: 8 } },
  ...{ 0xcc: { extra: 1 }, 0xcd: { extra: 2 }, 0xce: { extra: 4 }, [UINT_64]: { extra: 8 } },
  ...{ 0xd0: { extra: 1 }, 0xd1: { extra: 2 }, 0xd2: { extra: 4 }, [INT_64]: { extra: 8 } },
  ...{ 0xd4: { extra: 2 }, 0xd5: { extra: 3 }, 0xd6: { extra: 5 }, 0xd7: { extra: 9 }, 0xd8: { extra: 17 } },
  ...{ 0xd9: { size: 1 }, 0xda: { size: 2 }, 0xdb: { size: 4 } },
  ...{ [ARRAY_16]: { extra: 2 }, [ARRAY_32]: { extra: 4 }, 0xde: { extra: 2 }, 0xdf: { extra: 4 } },
};
