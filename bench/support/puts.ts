/** What the machine and its etcd can do without us: single-key puts through etcd3, the yardstick of the ratios. */
import { Etcd3 } from 'etcd3';
import { median } from './stats.js';

const value = 'x'.repeat(100);

/** Puts per second with so many outstanding, each to a key of its own. */
export async function putsPerSecond(url: string, outstanding: number, forMs: number): Promise<number> {
  const client = new Etcd3({ hosts: url });
  let puts = 0;
  const beganMs = performance.now();
  const loop = async (writer: number): Promise<void> => {
    while (performance.now() - beganMs < forMs) {
      await client.put(`yardstick/${writer}`).value(value);
      puts += 1;
    }
  };
  await Promise.all(
    Array.from({ length: outstanding }, async (_, writer) => {
      await loop(writer);
    }),
  );
  const seconds = (performance.now() - beganMs) / 1_000;
  client.close();
  return puts / seconds;
}

/** The middle time of one put, one after the other, in milliseconds. */
export async function putMs(url: string, puts: number): Promise<number> {
  const client = new Etcd3({ hosts: url });
  const samples: number[] = [];
  for (let put = 0; put < puts; put++) {
    const beganMs = performance.now();
    await client.put('yardstick/one').value(value);
    samples.push(performance.now() - beganMs);
  }
  client.close();
  return median(samples);
}
