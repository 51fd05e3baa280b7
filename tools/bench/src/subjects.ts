import type { Subject } from "./subject.ts";
import { callHome } from "./subjects/call-home.ts";
import { dynamoTcp } from "./subjects/dynamo-tcp.ts";
import { grpcJs } from "./subjects/grpc.ts";

/** In the order of the table. A new rival is one more file and one more entry. */
export const SUBJECTS: readonly Subject[] = [dynamoTcp, callHome, grpcJs];

/** What the others are compared with. */
export const BASES: readonly Subject[] = [callHome, grpcJs];
