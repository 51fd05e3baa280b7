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
import { dynamoPython } from "./subjects/dynamo-python.ts";
import { dynamoFrontend, ourFrontend } from "./subjects/frontends.ts";
import { grpcJs } from "./subjects/grpc.ts";
import { FRONTEND_CASES, PLANE_CASES } from "./workload.ts";
import type { BenchCase } from "./workload.ts";

/** This library, plane by plane. */
export const OURS: readonly Subject[] = [
  ...[dynamoTcp, dynamoTcpCallHome],
  ...[dynamoNats, dynamoNatsCallHome],
  ...[dynamoHttp, dynamoHttpCallHome],
];

/** What is measured against each other: all of these subjects in all of these cases. */
export interface Group {
  readonly cases: readonly BenchCase[];
  /** In the order of the table: each with its rival. A new rival is one more file and one more entry. */
  readonly subjects: readonly Subject[];
  /** Names of what every subject is compared with, besides its own rival. */
  readonly bases: readonly string[];
}

export const PLANES: Group = {
  cases: PLANE_CASES,
  subjects: [
    ...[dynamoTcp, bareMux, dynamoTcpCallHome, callHome],
    ...[dynamoNats, bareNatsInband, dynamoNatsCallHome, bareNats],
    ...[dynamoHttp, bareHttp2Inband, dynamoHttpCallHome, bareHttp2],
    ...[grpcJs, connectEs, dynamoPython],
  ],
  bases: [grpcJs.name, dynamoPython.name],
};

export const FRONTENDS: Group = {
  cases: FRONTEND_CASES,
  subjects: [ourFrontend, dynamoFrontend],
  bases: [],
};

/** Those whose memory is measured; their clients can hold answers open. */
export const IDLE_CASE = "idle";
export const IDLE_SUBJECTS: readonly Subject[] = [
  ...[dynamoTcp, bareMux, dynamoTcpCallHome, callHome],
  ...[grpcJs, connectEs],
];

export const GROUPS: readonly Group[] = [PLANES, FRONTENDS];
