import { decodeCallHomeInfo, encodeCallHomeInfo } from "../../src/call-home/connection-info.ts";
import type { CallHomeConnector } from "../../src/call-home/connector.ts";
import type { Handler } from "../../src/endpoint.ts";
import { EndpointWorker } from "../../src/endpoint-worker.ts";
import { defaultLogger } from "../../src/logger.ts";
import type { PayloadCodec } from "../../src/payload-codec.ts";
import { decodeControlMessage, encodeControlMessage } from "../../src/wire/control-message.ts";
import { encodeTwoPartHead } from "../../src/wire/two-part.ts";
import { WrittenResponses } from "../../src/written-responses.ts";
import type { RecordedResponse } from "../fixtures/recorded.ts";
import type { ScriptedCaller } from "./scripted-caller.ts";

/** A worker for one request at a time, without a plane before it. */
export function endpointWorker(
  connector: CallHomeConnector,
  handler: Handler<unknown, unknown>,
  payloadCodec?: PayloadCodec,
): EndpointWorker<unknown, unknown> {
  const connectors = new Map([[connector.transport, connector]]);
  const responses = new WrittenResponses(0);
  const options = { handler, maxInFlight: 1, connectors, responses, payloadCodec };
  return new EndpointWorker({ ...options, logger: defaultLogger });
}

/** The recorded request, with another address to call home to. */
export function requestTo(caller: ScriptedCaller, { header, body }: RecordedResponse) {
  const control = decodeControlMessage(header);
  const info = decodeCallHomeInfo(control.connectionInfo, control.id);
  const connectionInfo = encodeCallHomeInfo({ ...info, address: caller.address });
  const head = encodeTwoPartHead(encodeControlMessage({ ...control, connectionInfo }), body.length);
  return { headers: {}, envelope: Buffer.concat([head, body]) };
}
