/** What a decoder makes of a stream. */
import { FrameDecoder, RequestPlaneError } from "@dynamo/request-plane-core";
import type { MeasureFrame } from "@dynamo/request-plane-core";

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
