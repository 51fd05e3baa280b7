import type { Subject } from "./subject.ts";
import { bareHttp2 } from "./subjects/bare-http2.ts";
import { bareHttp2Inband } from "./subjects/bare-http2-inband.ts";
import { bareMux } from "./subjects/bare-mux.ts";
import { bareNats } from "./subjects/bare-nats.ts";
import { bareNatsInband } from "./subjects/bare-nats-inband.ts";
import { callHome } from "./subjects/call-home.ts";
import { connectEs } from "./subjects/connect-es.ts";
import {
  dynamoHttp,
  dynamoHttpCallHome,
  dynamoNats,
  dynamoNatsCallHome,
  dynamoTcp,
  dynamoTcpCallHome,
} from "./subjects/dynamo.ts";
import { grpcJs } from "./subjects/grpc.ts";

/** This library, plane by plane. */
export const OURS: readonly Subject[] = [
  ...[dynamoTcp, dynamoTcpCallHome],
  ...[dynamoNats, dynamoNatsCallHome],
  ...[dynamoHttp, dynamoHttpCallHome],
];

/** In the order of the table: each plane with its rival. A new rival is one more file and one more entry. */
export const SUBJECTS: readonly Subject[] = [
  ...[dynamoTcp, bareMux, dynamoTcpCallHome, callHome],
  ...[dynamoNats, bareNatsInband, dynamoNatsCallHome, bareNats],
  ...[dynamoHttp, bareHttp2Inband, dynamoHttpCallHome, bareHttp2],
  ...[grpcJs, connectEs],
];

/** What every subject is compared with, besides its own rival. */
export const COMMON_BASE: Subject = grpcJs;
