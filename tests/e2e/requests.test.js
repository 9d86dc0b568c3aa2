// Requests that are wrong, from the first byte of the head to the last field of the body.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chat, message } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { connect, exchange, request } from '../harness/raw.mjs';

const mock = await startMock();
const gateway = await startGateway(configFor(mock.url, { server: { max_body: '64KiB' } }));
const credential = `Authorization: Bearer ${kClientKey}`;

describe('the framing of a request', () => {
  const post = (lines, body = '', version = '1.1') =>
    `POST /v1/chat/completions HTTP/${version}\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
  const host = 'Host: x';
  const five = 'Content-Length: 5';
  const chunked = 'Transfer-Encoding: chunked';
  const cases = {
    'both a length and chunks': [400, post([host, five, chunked], '0\r\n\r\n')],
    'two lengths': [400, post([host, five, 'Content-Length: 6'], 'hello')],
    'the same length twice': [400, post([host, five, five], 'hello')],
    'a list of lengths': [400, post([host, 'Content-Length: 5, 5'], 'hello')],
    'a length with a sign': [400, post([host, 'Content-Length: +5'], 'hello')],
    'a negative length': [400, post([host, 'Content-Length: -5'], 'hello')],
    'a length in hex': [400, post([host, 'Content-Length: 0x5'], 'hello')],
    'a length beyond all numbers': [400, post([host, 'Content-Length: 99999999999999999999'], '')],
    'an unknown transfer coding': [
      400,
      post([host, 'Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'),
    ],
    'chunked, twice': [400, post([host, 'Transfer-Encoding: chunked, chunked'], '0\r\n\r\n')],
    'chunked in two fields': [400, post([host, chunked, chunked], '0\r\n\r\n')],
    'chunked with a strange space': [
      400,
      post([host, 'Transfer-Encoding:\x0bchunked'], '0\r\n\r\n'),
    ],
    'chunks in HTTP/1.0': [400, post([host, chunked], '0\r\n\r\n', '1.0')],
    'a folded field': [400, post([host, 'X-A: 1', ' 2', five], 'hello')],
    'a bare LF': [400, `POST /v1/chat/completions HTTP/1.1\n${host}\n\n`],
    'a bare CR': [400, post([host, 'X-A: 1\rX-B: 2'])],
    'a NUL': [400, post([host, 'X-A: 1\0'])],
    'no Host': [400, post([five], 'hello')],
    'two Hosts': [400, post([host, 'Host: y', five], 'hello')],
    'a space before a colon': [400, post([host, 'Content-Length : 5'], 'hello')],
    'a field without a colon': [400, post([host, 'nonsense'])],
    'a space in the target': [400, `GET /health x HTTP/1.1\r\n${host}\r\n\r\n`],
    'no version': [400, `GET /health\r\n${host}\r\n\r\n`],
    'HTTP/2': [505, `GET /health HTTP/2.0\r\n${host}\r\n\r\n`],
    'another protocol': [400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    'a head without end': [431, `GET /health HTTP/1.1\r\n${host}\r\nX-A: ${'a'.repeat(200_000)}`],
    CONNECT: [501, `CONNECT x:1 HTTP/1.1\r\n${host}\r\n\r\n`],
  };
  for (const [name, [status, bytes]] of Object.entries(cases)) {
    test(`is refused with ${name}`, async () => {
      const connection = await connect(gateway.port);
      // What follows must not be taken for a request.
      connection.write(Buffer.from(bytes, 'latin1'));
      connection.write(`GET /health HTTP/1.1\r\n${host}\r\n\r\n`);
      const answer = await connection.response();
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.headers.connection, 'close');
      assert.equal(answer.headers['content-type'], 'application/json');
      assert.equal(typeof JSON.parse(answer.text).error.message, 'string');
      assert.equal((await connection.whole()).length, 0, 'nothing more is answered');
      connection.end();
    });
  }

  for (const [name, body] of Object.entries({
    'is no number': 'zz\r\n',
    'has a sign': '+5\r\nhello\r\n0\r\n\r\n',
    'is too small for its data': '3\r\nhello\r\n0\r\n\r\n',
    'is beyond all numbers': 'ffffffffffffffffff\r\n',
    'ends with a bare LF': '5\nhello\r\n0\r\n\r\n',
  })) {
    test(`is refused with a chunk size that ${name}`, async () => {
      const connection = await connect(gateway.port);
      connection.write(post([host, credential, chunked], body));
      assert.equal((await connection.response()).status, 400);
      assert.equal((await connection.whole()).length, 0);
      connection.end();
    });
  }

  test('never reached the upstream when it was wrong', async () => {
    assert.equal((await mock.stats()).requests, 0);
  });
});

describe('a connection', () => {
  const headers = [['Authorization', `Bearer ${kClientKey}`]];
  const body = JSON.stringify(chat('mock-c3'));

  test('serves several requests, also when they come at once', async () => {
    const connection = await connect(gateway.port);
    const bytes = request('POST', '/v1/chat/completions', headers, body);
    connection.write(Buffer.concat([bytes, request('GET', '/health', []), bytes]));
    const [first, second, third] = [
      await connection.response(),
      await connection.response(),
      await connection.response(),
    ];
    assert.equal(first.status, 200);
    assert.equal(JSON.parse(second.text).status, 'healthy');
    assert.equal(third.text.length, first.text.length);
    connection.end();
  });

  test('serves the next request after a stream', async () => {
    const connection = await connect(gateway.port);
    const stream = JSON.stringify(chat('mock-c3', { stream: true }));
    connection.write(request('POST', '/v1/chat/completions', headers, stream));
    assert.match((await connection.response()).text, /\[DONE\]/);
    connection.write(request('GET', '/health', []));
    assert.equal((await connection.response()).status, 200);
    connection.end();
  });

  test('is closed when the client asks for it, and kept by HTTP/1.0 only on request', async () => {
    for (const [version, field, stays] of [
      ['1.1', 'Connection: close', false],
      ['1.0', 'X: y', false],
      ['1.0', 'Connection: keep-alive', true],
    ]) {
      const connection = await connect(gateway.port);
      connection.write(`GET /health HTTP/${version}\r\nHost: x\r\n${field}\r\n\r\n`);
      assert.equal((await connection.response()).status, 200);
      if (stays) {
        connection.write(`GET /health HTTP/1.1\r\nHost: x\r\n\r\n`);
        assert.equal((await connection.response()).status, 200);
      } else {
        assert.equal((await connection.whole()).length, 0);
      }
      connection.end();
    }
  });

  test('gets 100 Continue only where it waits for it', async () => {
    const connection = await connect(gateway.port);
    const head = [...headers, ['Expect', '100-continue']]
      .map((pair) => pair.join(': '))
      .join('\r\n');
    const length = `Content-Length: ${body.length}`;
    connection.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n${head}\r\n${length}\r\n\r\n`,
    );
    await connection.contains('HTTP/1.1 100 Continue\r\n\r\n');
    connection.received = Buffer.alloc(0);
    connection.write(body);
    assert.equal((await connection.response()).status, 200);
    connection.end();
    const refused = await connect(gateway.port);
    refused.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n${length}\r\n\r\n`,
    );
    assert.equal((await refused.response()).status, 401);
    refused.end();
  });
});

describe('a body', () => {
  const dialects = [
    ['/v1/chat/completions', 'openai'],
    ['/v1/messages', 'anthropic'],
  ];
  const assertWrong = async (route, dialect, answer, status, param) => {
    const body = await answer.json();
    assert.equal(answer.status, status, JSON.stringify(body));
    const large = status === 413;
    const type = large && dialect === 'anthropic' ? 'request_too_large' : 'invalid_request_error';
    assert.equal(body.error.type, type);
    assert.ok(answer.headers.get('x-request-id'));
    if (dialect === 'openai') {
      assert.equal(body.error.param, param ?? null);
      if (large) assert.equal(body.error.code, 'request_too_large');
    } else {
      assert.equal(body.type, 'error');
      assert.equal(body.request_id, answer.headers.get('request-id'));
    }
  };
  for (const [route, dialect] of dialects) {
    const good = (dialect === 'openai' ? chat : message)('mock-c1');
    const without = (name) =>
      Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));
    const cases = {
      'is empty': ['', undefined],
      'is cut': [JSON.stringify(good).slice(0, -1), undefined],
      'is no object': ['[]', undefined],
      'has something behind it': [`${JSON.stringify(good)} x`, undefined],
      'has a comma too many': ['{"model":"x",}', undefined],
      'is not UTF-8': [Buffer.from('7b226d6f64656c223a22ff227d', 'hex'), undefined],
      'lacks the model': [without('model'), 'model'],
      'has a number for a model': [{ ...good, model: 5 }, 'model'],
      'has an empty model': [{ ...good, model: '' }, 'model'],
      'has two models': [`{"model":"a",${JSON.stringify(good).slice(1)}`, 'model'],
      'lacks messages': [without('messages'), 'messages'],
      'has a string for messages': [{ ...good, messages: 'hello' }, 'messages'],
      'has a string for stream': [{ ...good, stream: 'yes' }, 'stream'],
      'is nested without end': [`{"model":${'['.repeat(30_000)}`, undefined],
    };
    for (const [name, [body, param]] of Object.entries(cases)) {
      test(`of ${route} that ${name} is refused`, async () => {
        const text =
          typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
        const answer = await fetch(gateway.url + route, {
          method: 'POST',
          headers: { authorization: `Bearer ${kClientKey}` },
          body: text,
        });
        await assertWrong(route, dialect, answer, 400, param);
      });
    }

    test(`of ${route} that is too large is refused, whatever it says of its length`, async () => {
      const large = JSON.stringify({ ...good, user: 'x'.repeat(65 * 1024) });
      await assertWrong(route, dialect, await gateway.post(route, large), 413);
      const connection = await connect(gateway.port);
      connection.write(
        `POST ${route} HTTP/1.1\r\nHost: x\r\n${credential}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      connection.write(`${large.length.toString(16)}\r\n${large}\r\n`);
      const answer = await connection.response();
      assert.equal(answer.status, 413);
      connection.end();
    });

    test(`of ${route} may be exactly as large as allowed`, async () => {
      const padding = 64 * 1024 - JSON.stringify({ ...good, user: '' }).length;
      const answer = await gateway.post(route, { ...good, user: 'x'.repeat(padding) });
      assert.equal(answer.status, 200);
      assert.equal(
        (await gateway.post(route, { ...good, user: 'x'.repeat(padding + 1) })).status,
        413,
      );
    });
  }

  test('of several gigabytes is refused by its length alone', async () => {
    const bytes = `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n${credential}\r\nContent-Length: 5000000000\r\n\r\n`;
    assert.equal((await exchange(gateway.port, bytes)).status, 413);
  });
});

describe('a route', () => {
  test('that is unknown is a 404 in JSON', async () => {
    for (const route of ['/v1/nothing', '/nothing', '/v1', '/v1/chat', '/v1/chat/completions/x']) {
      const answer = await gateway.post(route, {});
      assert.equal(answer.status, 404, route);
      assert.equal(typeof (await answer.json()).error.message, 'string');
    }
  });

  test('called with a wrong method is a 405 that names the right one, in its dialect', async () => {
    for (const route of ['/v1/chat/completions', '/v1/messages']) {
      const answer = await gateway.get(route);
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.get('allow'), 'POST');
      const body = await answer.json();
      assert.equal(body.error.type, 'invalid_request_error');
      assert.equal(body.type, route === '/v1/messages' ? 'error' : undefined);
    }
    for (const route of ['/v1/models', '/health', '/metrics', '/api/live']) {
      const answer = await gateway.post(route, {});
      assert.equal(answer.status, 405, route);
      assert.match(answer.headers.get('allow'), /GET/);
      await answer.text();
    }
  });
});
