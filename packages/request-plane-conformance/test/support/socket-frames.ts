/**
 *     u32 length of what follows | u32 id | u32 length of head | head, JSON | envelope        requests
 *     u32 length of what follows | u32 id | refusal, JSON, or nothing                         replies
 */
import type { Socket } from "node:net";
import { FrameDecoder, RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode, Headers } from "@dynamo/request-plane-core";

export interface Head {
  readonly path: string;
  readonly headers: Headers;
}

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly limit?: number;
}

const FRAME_LIMIT = 64 * 1024 * 1024;

/** Larger frames than the limit are read up to their head, so that the refusal has an id. */
function frames(limit: number, onFrame: (frame: Buffer) => void): FrameDecoder {
  const measure = (bytes: Buffer, start: number, end: number): number => {
    if (end - start < 4) return -4;
    const length = bytes.readUInt32BE(start);
    if (length < 4 || length > limit) throw new RequestPlaneError("protocol_error", "No frame of this plane");
    return 4 + length;
  };
  return new FrameDecoder(measure, (bytes, start, end) => onFrame(bytes.subarray(start + 4, end)));
}

export function frame(id: number, ...parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(4 + parts.reduce((sum, { length }) => sum + length, 0), 0);
  head.writeUInt32BE(id, 4);
  return Buffer.concat([head, ...parts]);
}

/** Hands out what comes on the socket, which is destroyed when that is no frame. */
export function onFrames(socket: Socket, onFrame: (frame: Buffer) => void): void {
  const decoder = frames(FRAME_LIMIT, onFrame);
  socket.on("data", (chunk: Buffer) => {
    try {
      decoder.push(chunk);
    } catch {
      socket.destroy();
    }
  });
}
