// An upstream that does what no well-behaved one does: the test says what becomes of each request
// for a model, down to the bytes on the socket.
import net from 'node:net';
import { after } from 'node:test';

export function startUpstream() {
  const upstream = new Upstream();
  return new Promise((resolve) => {
    upstream.server.listen(0, '127.0.0.1', () => {
      upstream.port = upstream.server.address().port;
      upstream.url = `http://127.0.0.1:${upstream.port}`;
      resolve(upstream);
    });
  });
}

class Upstream {
  constructor() {
    this.behaviours = new Map();
    this.seen = []; // {model, head, headers, body, connection, socket}
    this.sockets = new Set();
    this.connections = 0;
    this.server = net.createServer((socket) => this.accept(socket));
    after(() => this.stop());
  }

  /// What to do with a request for `model`: a function of ({socket, attempt, request}), or a list
  /// of them, one an attempt, the last for all further ones.
  on(model, behaviour) {
    this.behaviours.set(model, Array.isArray(behaviour) ? behaviour : [behaviour]);
    return model;
  }

  of(model) {
    return this.seen.filter((request) => request.model === model);
  }

  stop() {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(resolve));
  }

  accept(socket) {
    this.sockets.add(socket);
    const connection = ++this.connections;
    let received = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      for (;;) {
        const request = takeRequest(received);
        if (!request) return;
        received = received.subarray(request.used);
        this.serve({ ...request, connection, socket });
      }
    });
  }

  serve(request) {
    this.seen.push(request);
    const behaviours = this.behaviours.get(request.model);
    if (!behaviours) {
      request.socket.write(
        json(404, {
          error: { message: 'no such model', type: 'x', code: null },
        }),
      );
      return;
    }
    const attempt = this.of(request.model).length;
    const behaviour = behaviours[Math.min(attempt, behaviours.length) - 1];
    behaviour({ socket: request.socket, attempt, request });
  }
}

function takeRequest(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.subarray(0, end).toString('latin1');
  const headers = {};
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const size = Number(headers['content-length'] ?? 0);
  if (bytes.length < end + 4 + size) return undefined;
  const body = bytes.subarray(end + 4, end + 4 + size).toString('utf8');
  const target = head.split(' ')[1];
  let model = target;
  try {
    // Gemini's path names it.
    model = JSON.parse(body).model ?? /\/models\/([^:]+)/.exec(target)?.[1];
  } catch {
    // A GET: its target names it.
  }
  return { head, headers, body, model, used: end + 4 + size };
}

/// A whole response.
export function json(status, body, headers = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return response(status, text, {
    'content-type': 'application/json',
    ...headers,
  });
}

export function response(status, body, headers = {}) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = `content-length: ${Buffer.byteLength(body)}\r\n`;
  const head = `HTTP/1.1 ${status} Whatever\r\n${lines.join('')}${length}\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

export const kStreamHead =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';

export function chunk(text) {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

export const kLastChunk = '0\r\n\r\n';

/// Events of either dialect, each with its blank line.
export const oa = {
  delta(delta, finish = null) {
    const choices = [{ index: 0, delta, finish_reason: finish }];
    const chunk = {
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'm',
      choices,
    };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  },
  role: () => oa.delta({ role: 'assistant', content: '' }),
  text: (text) => oa.delta({ content: text }),
  finish: (reason = 'stop') => oa.delta({}, reason),
  done: () => 'data: [DONE]\n\n',
  error: (error) => `data: ${JSON.stringify({ error })}\n\n`,
  whole(text) {
    const choices = [
      {
        index: 0,
        message: { role: 'assistant', content: text },
        finish_reason: 'stop',
      },
    ];
    return {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices,
    };
  },
};

export const an = {
  event: (type, data) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`,
  start() {
    const usage = { input_tokens: 3, output_tokens: 1 };
    const rest = {
      role: 'assistant',
      model: 'm',
      content: [],
      stop_reason: null,
      usage,
    };
    const block = { index: 0, content_block: { type: 'text', text: '' } };
    return (
      an.event('message_start', {
        message: { id: 'msg_1', type: 'message', ...rest },
      }) + an.event('content_block_start', block)
    );
  },
  text: (text) =>
    an.event('content_block_delta', {
      index: 0,
      delta: { type: 'text_delta', text },
    }),
  finish() {
    const delta = { stop_reason: 'end_turn', stop_sequence: null };
    return (
      an.event('content_block_stop', { index: 0 }) +
      an.event('message_delta', { delta, usage: { output_tokens: 2 } })
    );
  },
  done: () => an.event('message_stop', {}),
  error: (error) => an.event('error', { error }),
};
