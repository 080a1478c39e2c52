/** Between the wire's snake_case and the code's camelCase: keys only, at every depth. */
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';

/** The object with its keys in camelCase. */
export function toCamelKeys(value: JsonObject): JsonObject {
  return mapKeys(value, (key) =>
    key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
  ) as JsonObject;
}

/** The object with its keys in snake_case, as JSON: what is undefined is left out. */
export function toSnakeKeys(value: object): JsonObject {
  const plain = JSON.parse(JSON.stringify(value)) as JsonObject;
  return mapKeys(plain, (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)) as JsonObject;
}

function mapKeys(value: JsonValue, rename: (key: string) => string): JsonValue {
  if (Array.isArray(value)) return value.map((item) => mapKeys(item, rename));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [rename(key), mapKeys(item, rename)]));
}
