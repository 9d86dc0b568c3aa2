// HTTP by hand: what a client writes goes out byte by byte as it stands.
import net from 'node:net';
import { within } from './processes.mjs';

export function connect(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.off('error', reject);
      resolve(new RawConnection(socket));
    });
    socket.once('error', reject);
  });
}

export class RawConnection {
  constructor(socket) {
    this.socket = socket;
    this.received = Buffer.alloc(0);
    this.closed = false;
    this.reset = false;
    this.listeners = new Set();
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      this.received = Buffer.concat([this.received, data]);
      this.wake();
    });
    socket.on('error', (error) => (this.reset ||= ['ECONNRESET', 'EPIPE'].includes(error.code)));
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
    socket.on('end', () => {
      this.ended = true;
      this.wake();
    });
  }

  wake() {
    for (const listener of this.listeners) listener();
  }

  write(bytes) {
    this.socket.write(bytes);
    return this;
  }

  /// Waits until `look` says something of what has come.
  wait(what, look, ms = 15_000) {
    const first = look();
    if (first !== undefined) return Promise.resolve(first);
    let listener;
    const seen = new Promise((resolve) => {
      listener = () => {
        const value = look();
        if (value !== undefined) resolve(value);
      };
      this.listeners.add(listener);
    });
    return within(seen, ms, what).finally(() => this.listeners.delete(listener));
  }

  /// Everything until the peer closes.
  async whole(ms) {
    await this.wait('the end of the connection', () => this.closed || this.ended || undefined, ms);
    return this.received;
  }

  /// The next response; what follows it is kept.
  async response(ms) {
    const { response, used } = await this.wait('a response', () => parse(this), ms);
    this.received = this.received.subarray(used);
    return response;
  }

  /// Waits until this text has come.
  contains(text, ms) {
    return this.wait(
      JSON.stringify(text),
      () => (this.received.includes(text) ? true : undefined),
      ms,
    );
  }

  /// Closes with a reset.
  abort() {
    this.socket.resetAndDestroy();
  }

  end() {
    this.socket.destroy();
  }
}

/// One request on a connection of its own: {status, headers, body, complete, raw}.
export async function exchange(port, bytes, ms) {
  const connection = await connect(port);
  try {
    return await connection.write(bytes).response(ms);
  } finally {
    connection.end();
  }
}

/// The bytes of a request. Headers are [name, value]; a content-length is added.
export function request(method, target, headers, body = '') {
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: gateway.test'];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  if (body !== '' || method === 'POST') lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  return Buffer.concat([Buffer.from(lines.join('\r\n') + '\r\n\r\n'), Buffer.from(body)]);
}

function parse(connection) {
  const bytes = connection.received;
  const ended = connection.closed || connection.ended;
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) {
    if (!ended) return undefined;
    const nothing = {
      status: 0,
      headers: {},
      body: bytes,
      text: bytes.toString(),
      complete: false,
    };
    return { response: nothing, used: bytes.length };
  }
  const [first, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = {};
  const list = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = value;
    list.push([name, value]);
  }
  const response = {
    status: Number(first.split(' ')[1]),
    headers,
    list,
    first,
  };
  const rest = bytes.subarray(end + 4);
  const done = (body, used, complete) => {
    Object.assign(response, { body, text: body.toString('utf8'), complete });
    return { response, used: end + 4 + used };
  };
  if (response.status === 204 || response.status === 304) return done(Buffer.alloc(0), 0, true);
  if (headers['transfer-encoding'] === 'chunked') {
    const { body, used, complete } = dechunk(rest);
    return complete || ended ? done(body, used, complete) : undefined;
  }
  if (headers['content-length'] !== undefined) {
    const size = Number(headers['content-length']);
    if (rest.length >= size) return done(rest.subarray(0, size), size, true);
    return ended ? done(rest, rest.length, false) : undefined;
  }
  return ended ? done(rest, rest.length, true) : undefined;
}

function dechunk(bytes) {
  const parts = [];
  let at = 0;
  for (;;) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) break;
    const size = parseInt(bytes.subarray(at, line).toString('latin1'), 16);
    if (size === 0) {
      const complete = bytes.length >= line + 4;
      return {
        body: Buffer.concat(parts),
        used: complete ? line + 4 : bytes.length,
        complete,
      };
    }
    parts.push(bytes.subarray(line + 2, Math.min(line + 2 + size, bytes.length)));
    at = line + 2 + size + 2;
    if (at > bytes.length) break;
  }
  return { body: Buffer.concat(parts), used: bytes.length, complete: false };
}

/// The events of an event stream: [{event, data}], data parsed where it is JSON.
export function events(text) {
  const found = [];
  for (const block of text.split('\n\n')) {
    if (block.trim() === '') continue;
    const event = {};
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      event[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
    }
    try {
      event.json = JSON.parse(event.data);
    } catch {
      // [DONE]
    }
    found.push(event);
  }
  return found;
}
