/** A real Prometheus that scrapes what a test wants, with its own data; ended by its process id. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { startProcess } from './processes.js';
import { temporaryDirectory } from './temporary.js';

/** Where the examples are. */
export const observability = fileURLToPath(new URL('../../../examples/observability/', import.meta.url));

/** A series and its value. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [timeS: number, value: string];
}

/** See above. */
export interface Prometheus {
  /** What the query gives now. */
  query(expression: string): Promise<readonly Series[]>;
  /** Any part of its API, below /api/v1/. */
  api(path: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Starts one, with the rules of the examples; a scrape a second. */
export async function startPrometheus(...targets: readonly string[]): Promise<Prometheus> {
  const directory = await temporaryDirectory();
  const config = join(directory, 'prometheus.yaml');
  await writeFile(
    config,
    stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [join(observability, 'rules.yaml')],
      scrape_configs: [{ job_name: 'steplock', static_configs: [{ targets }] }],
    }),
  );
  const process = startProcess('prometheus', [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
  ]);
  const [, address = ''] = await process.says(/msg="Listening on" address=(\S+)/);
  const api = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://${address}/api/v1/${path}`);
    const body = (await response.json()) as { status: string; data: unknown; error?: string };
    if (body.status !== 'success') throw new Error(`${path}: ${body.error ?? body.status}`);
    return body.data;
  };
  return {
    api,
    query: async (expression) =>
      ((await api(`query?query=${encodeURIComponent(expression)}`)) as { result: Series[] }).result,
    close: async () => {
      process.kill('SIGTERM');
      await process.ended;
    },
  };
}
