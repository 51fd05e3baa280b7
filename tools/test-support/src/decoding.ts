/** What a decoder of frames makes of a stream. The decoder is given, since core's own tests use this too. */

type Measure = (bytes: Buffer, start: number, end: number) => number;
type OnFrame = (bytes: Buffer, start: number, end: number) => void;

/** Core's `FrameDecoder`. */
export type DecoderClass = new (
  measure: Measure,
  onFrame: OnFrame,
) => { push(chunk: Buffer): void; readonly held: number };

interface CodedError extends Error {
  readonly code: string;
}

/** What became of a stream: its frames in hexadecimal, then the error that ended it or what is unfinished. */
export interface Decoded {
  readonly frames: readonly string[];
  readonly error: CodedError | undefined;
  readonly held: number;
}

/**
 * Decodes streams with it. Anything but a `RequestPlaneError` is thrown on: it fails the test. So does a decoder that
 * runs on the spot.
 */
export function decodingWith(
  Decoder: DecoderClass,
): (measure: Measure, chunks: readonly Buffer[]) => Decoded {
  return (measure, chunks) => decode(Decoder, measure, chunks);
}

function decode(Decoder: DecoderClass, measure: Measure, chunks: readonly Buffer[]): Decoded {
  const frames: string[] = [];
  let measured = 0;
  const decoder = new Decoder(
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
    if ((error as Error).name !== "RequestPlaneError") throw error;
    return { frames, error: error as CodedError, held: 0 };
  }
  return { frames, error: undefined, held: decoder.held };
}

/** Equal for equal outcomes. */
export function textOf({ frames, error, held }: Decoded): string {
  return [...frames, error?.code, error?.message, held].join("\n");
}
