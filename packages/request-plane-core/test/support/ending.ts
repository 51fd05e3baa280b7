import type { ResponseWriter } from "../../src/response-plane.ts";

/** Ends a response. Rejects when its caller was lost before. */
export function ending(writer: ResponseWriter): Promise<void> {
  return new Promise((resolve, reject) => writer.end((lost) => (lost ? reject(lost) : resolve())));
}
