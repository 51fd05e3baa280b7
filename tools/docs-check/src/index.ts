/** What a document has, and running its sessions, for other checks. */
export { parseDocument } from "./document.ts";
export type { Document, Snippet } from "./document.ts";
export { sessionEnvironment } from "./environment.ts";
export { parseSession, runSession } from "./session.ts";
