/** A TCP proxy that does what networks do: it holds back one direction or both, delays, cuts, or says nothing. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Which way bytes go. */
export type Direction = 'toServer' | 'toClient';

interface Way {
  isPaused: boolean;
  delayMs: number;
}

/** Forwards connections to a port of this machine. */
export class TcpProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  readonly #ways: Record<Direction, Way> = {
    toServer: { isPaused: false, delayMs: 0 },
    toClient: { isPaused: false, delayMs: 0 },
  };
  #forwarded: Record<Direction, number> = { toServer: 0, toClient: 0 };
  #resumed: (() => void)[] = [];
  /** Whether connections that come now are taken and never served. */
  isDeaf = false;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    server.on('connection', (socket) => {
      this.#accept(socket);
    });
  }

  /** Starts one on a free port. */
  static async start(targetPort: number): Promise<TcpProxy> {
    // Without noDelay small messages would wait 40 ms for the other side's delayed acknowledgement.
    const server = createServer({ pauseOnConnect: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, targetPort);
  }

  /** Where clients reach it. */
  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  /** How many connections of clients are open. */
  get connections(): number {
    return this.#sockets.size / 2;
  }

  /** How many bytes went through so far. */
  get forwarded(): Readonly<Record<Direction, number>> {
    return { ...this.#forwarded };
  }

  /** Holds back what goes these ways, of new connections too. A paused proxy still accepts: it is a silent peer. */
  pause(...directions: readonly Direction[]): void {
    for (const direction of directions) this.#ways[direction].isPaused = true;
  }

  /** Lets everything through again, what was held back first. */
  resume(): void {
    for (const way of Object.values(this.#ways)) way.isPaused = false;
    const resumed = this.#resumed;
    this.#resumed = [];
    for (const resume of resumed) resume();
  }

  /** Delays each piece that goes this way. */
  delay(direction: Direction, delayMs: number): void {
    this.#ways[direction].delayMs = delayMs;
  }

  /** Cuts all connections; new ones are taken. What was held back is lost. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Cuts all connections and listens no more. */
  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    this.resume();
    await closed;
  }

  #accept(client: Socket): void {
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    if (this.isDeaf) return;
    void this.#pump(client, server, 'toServer');
    void this.#pump(server, client, 'toClient');
  }

  async #pump(from: Socket, to: Socket, direction: Direction): Promise<void> {
    const way = this.#ways[direction];
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        if (way.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, way.delayMs));
        while (way.isPaused) await new Promise<void>((resolve) => this.#resumed.push(resolve));
        if (to.destroyed) return;
        this.#forwarded[direction] += piece.length;
        if (!to.write(piece)) await once(to, 'drain');
      }
      to.end();
    } catch {
      // The connection was cut; the other side is destroyed with it.
    }
  }
}
