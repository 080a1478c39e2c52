/** Whether, and how, spans are sent: of the standard variables of OpenTelemetry those that decide on that. Pure. */
import { InvalidSettingError } from '../config/settings.js';

/** See above. */
export interface TracingSettings {
  readonly protocol: 'http/protobuf' | 'http/json';
  readonly serviceName: string;
}

/**
 * Undefined when tracing is off: no endpoint is named, or it is said to be off.
 *
 * @throws InvalidSettingError for a protocol that is not there.
 */
export function tracingSettings(
  env: Readonly<Record<string, string | undefined>>,
): TracingSettings | undefined {
  const said = (name: string): string => env[name]?.trim() ?? '';
  const endpoint = said('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') || said('OTEL_EXPORTER_OTLP_ENDPOINT');
  const isOff = said('OTEL_SDK_DISABLED').toLowerCase() === 'true' || said('OTEL_TRACES_EXPORTER') === 'none';
  if (endpoint === '' || isOff) return undefined;
  const protocol =
    said('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') || said('OTEL_EXPORTER_OTLP_PROTOCOL') || 'http/protobuf';
  if (protocol !== 'http/protobuf' && protocol !== 'http/json')
    throw new InvalidSettingError(
      `OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or http/json, not "${protocol}"`,
    );
  return { protocol, serviceName: said('OTEL_SERVICE_NAME') || 'steplock' };
}
