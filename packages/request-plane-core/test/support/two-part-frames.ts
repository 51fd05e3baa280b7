/** Two-part frames as the decoder finds them. */
import { FrameDecoder } from "../../src/wire/frame-decoder.ts";
import { headerBytesOf, measureTwoPart, TWO_PART_PREFIX_BYTES } from "../../src/wire/two-part.ts";

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
