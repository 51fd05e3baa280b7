/** What a decoder makes of a stream. */
import type { MeasureFrame } from "../../src/wire/frame-decoder.ts";
import { FrameDecoder } from "../../src/wire/frame-decoder.ts";
import { RequestPlaneError } from "../../src/errors.ts";
import { headerBytesOf, measureTwoPart, TWO_PART_PREFIX_BYTES } from "../../src/wire/two-part.ts";

/** What became of a stream: its frames in hexadecimal, then the error that ended it or what is unfinished. */
export interface Decoded {
  readonly frames: readonly string[];
  readonly error: RequestPlaneError | undefined;
  readonly held: number;
}

/** Anything but a `RequestPlaneError` is thrown on: it fails the test. So does a decoder that runs on the spot. */
export function decodeStream(measure: MeasureFrame, chunks: readonly Buffer[]): Decoded {
  const frames: string[] = [];
  let measured = 0;
  const decoder = new FrameDecoder(
    (...where) => {
      measured += 1;
      if (measured > 4 * (chunks.length + frames.length + 1)) throw new Error("The decoder runs on the spot");
      return measure(...where);
    },
    (bytes, start, end) => frames.push(bytes.toString("hex", start, end)),
  );
  try {
    for (const chunk of chunks) decoder.push(chunk);
  } catch (error) {
    if (!(error instanceof RequestPlaneError)) throw error;
    return { frames, error, held: 0 };
  }
  return { frames, error: undefined, held: decoder.held };
}

/** Equal for equal outcomes. */
export function textOf({ frames, error, held }: Decoded): string {
  return [...frames, error?.code, error?.message, held].join("\n");
}

export interface Frame {
  readonly header: string;
  readonly body: string;
}

/** The two-part frames of a stream that holds nothing else. */
export function framesOf(chunks: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const decoder = new FrameDecoder(measureTwoPart(1024 * 1024, "the test"), (bytes, start, end) => {
    const headerStart = start + TWO_PART_PREFIX_BYTES;
    const bodyStart = headerStart + headerBytesOf(bytes, start);
    frames.push({
      header: bytes.toString("utf8", headerStart, bodyStart),
      body: bytes.toString("latin1", bodyStart, end),
    });
  });
  for (const chunk of chunks) decoder.push(chunk);
  if (decoder.held > 0) throw new Error(`${decoder.held} bytes are left over`);
  return frames;
}
