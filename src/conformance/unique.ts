/** Names that no other trial has, within samples. Pure. */
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';

/** Stands, in a sample, for such a name. */
export const uniqueMark = '${unique}';

/** The arguments with each mark replaced by the name. */
export function withUnique(args: JsonObject, name: string): JsonObject {
  const replace = (value: JsonValue): JsonValue => {
    if (typeof value === 'string') return value.replaceAll(uniqueMark, name);
    if (Array.isArray(value)) return value.map(replace);
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, replace(part)]));
  };
  return Object.fromEntries(Object.entries(args).map(([key, part]) => [key, replace(part)]));
}
