/**
 * What a value lacks to be a discovery record. Only what every release of Dynamo demands is asked for.
 */
const NAMES = ["type", "namespace", "component", "endpoint"];
const CARD_TEXTS = ["display_name", "slug", "model_type", "model_input"];
const CARD_COUNTS = ["kv_cache_block_size", "migration_limit"];
const MAX_U64 = 2n ** 64n - 1n;

type Fields = Readonly<Record<string, unknown>>;

/** In words, without a full stop, or `undefined` when the value is a record. */
export function faultIn(value: unknown): string | undefined {
  if (!isFields(value)) return "it is not an object";
  const name = NAMES.find((field) => !isText(value[field]) || value[field] === "");
  if (name !== undefined) return `'${name}' must be a text that is not empty`;
  if (!isU64(value["instance_id"])) return "'instance_id' must be an unsigned 64-bit integer";
  if (value["type"] === "Endpoint") return faultInTransport(value["transport"]);
  if (value["type"] === "Model")
    return faultInCard(value["card_json"]) ?? faultInSuffix(value["model_suffix"]);
  return faultInEvents(value);
}

function faultInEvents({ type, topic, transport, metadata }: Fields): string | undefined {
  if (type !== "EventChannel" && type !== "EventSource") return undefined;
  if (!isText(topic) || topic === "") return "'topic' must be a text that is not empty";
  if (type === "EventSource") return isFields(metadata) ? undefined : "'metadata' must be an object";
  return isFields(transport) && isText(transport["kind"]) && isFields(transport["config"])
    ? undefined
    : "'transport' must be an object with a 'kind' and a 'config'";
}

function faultInTransport(transport: unknown): string | undefined {
  if (isFields(transport) && Object.keys(transport).length > 0 && Object.values(transport).every(isText)) {
    return undefined;
  }
  return "'transport' must be an object that names a plane and its address";
}

function faultInCard(card: unknown): string | undefined {
  if (!isFields(card)) return "'card_json' must be an object";
  const text = CARD_TEXTS.find((field) => !isText(card[field]));
  if (text !== undefined) return `'card_json.${text}' must be a text`;
  const count = CARD_COUNTS.find((field) => typeof card[field] !== "number");
  return count === undefined ? undefined : `'card_json.${count}' must be a number`;
}

function faultInSuffix(suffix: unknown): string | undefined {
  return suffix === undefined || suffix === null || isText(suffix)
    ? undefined
    : "'model_suffix' must be a text";
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Half a surrogate pair has no UTF-8 form, so it could not come back from a file. */
function isText(value: unknown): value is string {
  return typeof value === "string" && value.isWellFormed();
}

function isU64(value: unknown): boolean {
  return typeof value === "bigint" && value >= 0n && value <= MAX_U64;
}
