import type { Subject } from "./subject.ts";
import { bareHttp2 } from "./subjects/bare-http2.ts";
import { bareMux } from "./subjects/bare-mux.ts";
import { bareNats } from "./subjects/bare-nats.ts";
import { callHome } from "./subjects/call-home.ts";
import { dynamoHttp, dynamoNats, dynamoTcp } from "./subjects/dynamo.ts";
import { grpcJs } from "./subjects/grpc.ts";

/** This library, plane by plane. */
export const OURS: readonly Subject[] = [dynamoTcp, dynamoNats, dynamoHttp];

/** In the order of the table: each plane with its rival. A new rival is one more file and one more entry. */
export const SUBJECTS: readonly Subject[] = [
  ...[dynamoTcp, callHome, bareMux],
  ...[dynamoNats, bareNats],
  ...[dynamoHttp, bareHttp2],
  grpcJs,
];

/** What every subject is compared with, besides its own rival. */
export const COMMON_BASE: Subject = grpcJs;
