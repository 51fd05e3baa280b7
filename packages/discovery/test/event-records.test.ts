/** Records of events, byte for byte as a 1.6.1 mocker wrote them. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  decodeRecord,
  encodeRecord,
  eventChannelRecord,
  eventSourceRecord,
  fileDiscovery,
  isEventChannelRecord,
  recordKey,
} from "../src/index.ts";
import { closedAfterTest, temporaryFolder } from "./helpers.ts";

const SCOPE =
  '"scope":{"kind":"endpoint","endpoint":{"namespace":"dynamo","component":"backend","name":"generate"}}';
const FOLDER = "namespace%2Fdynamo%2Fcomponent%2Fbackend%2Fendpoint%2Fgenerate%2Ftopic%2F";

const RECORDED: Record<string, { file: string; json: string }> = {
  channel: {
    file: `v1/event_channels/${FOLDER}kv%5Fmetrics%2F1ab7b430d4b56f`,
    json: `{"type":"EventChannel",${SCOPE},"topic":"kv_metrics","instance_id":7520333935719791,"transport":{"kind":"Zmq","config":{"endpoint":"tcp://192.0.2.2:43827"}}}`,
  },
  "NATS channel": {
    file: `v1/event_channels/${FOLDER}kv%2Devents%2F15595b8a872f0b`,
    json: `{"type":"EventChannel",${SCOPE},"topic":"kv-events","instance_id":6009224211934987,"transport":{"kind":"Nats","config":{"subject_prefix":"namespace.dynamo.component.backend.endpoint.generate"}}}`,
  },
  source: {
    file: `v1/event_sources/${FOLDER}kv%2Devents%2F15595b8a872f0b`,
    json: `{"type":"EventSource",${SCOPE},"topic":"kv-events","publisher_id":6009224211934987,"metadata":{"kv_state_endpoint":{"namespace":"dynamo","component":"backend","name":"generate"},"worker":{"worker_id":2579194955316617814,"dp_rank":0},"publisher_id":6009224211934987,"recovery_target":{"component":"backend","endpoint":"worker_kv_query_source_15595b8a872f0b","namespace":"dynamo","instance_id":2579194955316617814,"transport":{"tcp":"127.0.0.1:42415/23cb24258e206256/dynamo/backend/worker_kv_query_source_15595b8a872f0b"},"device_type":"cuda","request_plane_codec":"msgpack"}}}`,
  },
};

const publisher = {
  endpoint: { namespace: "dynamo", component: "backend", endpoint: "generate" },
  topic: "kv-events",
  publisherId: 0x15595b8a872f0bn,
};

describe.each(Object.entries(RECORDED))("a recorded %s", (_name, { file, json }) => {
  test("has the same bytes when it is written again", () => {
    expect(encodeRecord(decodeRecord(json))).toBe(json);
  });

  test("is found in its file, and written into one of the same name", async () => {
    const root = await temporaryFolder();
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), json);
    const record = decodeRecord(json);
    const query = { type: record.type as "EventChannel", topic: String(record["topic"]) };
    expect(await closedAfterTest(fileDiscovery({ root })).list(query)).toEqual([record]);

    const other = await temporaryFolder();
    await closedAfterTest(fileDiscovery({ root: other })).register(record);
    expect(await readdir(dirname(join(other, file)))).toEqual([file.split("/").at(-1)]);
    expect(await readFile(join(other, file), "utf8")).toBe(json);
  });
});

test("records are made from their parts", () => {
  const channel = eventChannelRecord(publisher, {
    kind: "Nats",
    config: { subject_prefix: "namespace.dynamo.component.backend.endpoint.generate" },
  });
  expect(encodeRecord(channel)).toBe(RECORDED["NATS channel"]?.json);
  const source = decodeRecord(RECORDED["source"]?.json ?? "");
  expect(eventSourceRecord(publisher, source["metadata"] as object as Record<string, unknown>)).toEqual(
    source,
  );
  expect(isEventChannelRecord(channel)).toBe(true);
  expect(recordKey(channel)).toBe(
    "v1/event_channels/namespace/dynamo/component/backend/endpoint/generate/topic/kv-events/15595b8a872f0b",
  );
});

test.each([
  ["topic", `{"type":"EventChannel",${SCOPE},"instance_id":1,"transport":{"kind":"Zmq","config":{}}}`],
  ["transport", `{"type":"EventChannel",${SCOPE},"topic":"a","instance_id":1,"transport":{"kind":"Zmq"}}`],
  ["metadata", `{"type":"EventSource",${SCOPE},"topic":"a","publisher_id":1}`],
  ["instance_id", `{"type":"EventSource",${SCOPE},"topic":"a","metadata":{}}`],
  ["namespace", '{"type":"EventSource","topic":"a","publisher_id":1,"metadata":{}}'],
])("a record with a wrong '%s' is refused", (field, text) => {
  expect(() => decodeRecord(text)).toThrow(`'${field}'`);
});
