// What goes upstream is what the client wrote, byte by byte, but for what the contract names.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  configFor,
  kAnthropicKey,
  kClientKey,
  kOpenAiKey,
  startGateway,
} from '../harness/gateway.mjs';
import { connect, exchange, request } from '../harness/raw.mjs';
import { chunk, json, kLastChunk, kStreamHead, oa, startUpstream } from '../harness/upstream.mjs';

const upstream = await startUpstream();
const gateway = await startGateway(
  configFor(upstream.url, {
    routing: {
      rules: [
        {
          type: 'exact',
          pattern: 'alias',
          target: 'oa',
          model: 'the-real-name',
        },
        {
          type: 'prefix',
          pattern: 'fast-*',
          target: 'an',
          model: 'claude-fast',
        },
      ],
    },
  }),
);
const kCredential = ['Authorization', `Bearer ${kClientKey}`];
const kJson = ['Content-Type', 'application/json'];

function answer({ socket, request: { body } }) {
  if (/"stream"\s*:\s*true/.test(body)) {
    socket.write(
      kStreamHead + chunk(oa.role() + oa.text('x') + oa.finish() + oa.done()) + kLastChunk,
    );
  } else {
    socket.write(json(200, oa.whole('x')));
  }
}

/// Sends a body as it is; returns what the upstream got.
async function relayed(body, { model, path = '/v1/chat/completions', headers = [] }) {
  upstream.on(model, answer);
  const before = upstream.of(model).length;
  const all = [kCredential, kJson, ...headers];
  const response = await exchange(gateway.port, request('POST', path, all, body));
  assert.equal(response.status, 200, response.text);
  assert.equal(upstream.of(model).length, before + 1);
  return upstream.of(model).at(-1);
}

// Key order, spaces, unknown fields, numbers that a double cannot hold, escapes.
const odd = (model) => `
 {"zeta" : [ 1.0,1e5 , -0.0, 12345678901234567890, 0.1000 ],
  "model"\t:  ${model} , "unknown":{"b":1,"a":null,"b2":[[],{}]},
  "messages":[ {"content":"caf\\u00e9 \\ud83d\\ude42 \\/ / é 🙂 \\u0000 \\"model\\":\\"x\\"","role":"user"} ],
  "max_tokens":5 , "stream" : false
 }
`;

describe('the body', () => {
  test('of a chat is identical', async () => {
    const body = odd('"plain"');
    assert.equal((await relayed(body, { model: 'plain' })).body, body);
  });

  test('differs only in the model where a rule names another one', async () => {
    const sent = await relayed(odd('"alias"'), { model: 'the-real-name' });
    assert.equal(sent.body, odd('"the-real-name"'));
  });

  test('has its model replaced although it is written with escapes', async () => {
    const sent = await relayed(odd('"\\u0061lias"'), {
      model: 'the-real-name',
    });
    assert.equal(sent.body, odd('"the-real-name"'));
  });

  test('of a message is identical, or differs only in the model', async () => {
    const body = odd('"plain"');
    const path = '/v1/messages';
    assert.equal((await relayed(body, { model: 'plain', path })).body, body);
    assert.equal(
      (await relayed(odd('"fast-1"'), { model: 'claude-fast', path })).body,
      odd('"claude-fast"'),
    );
  });

  test('of embeddings and completions is identical', async () => {
    const embedding = '{"input":[[1,2],[3]] ,"model":"plain","encoding_format":"float","user":"u"}';
    assert.equal(
      (await relayed(embedding, { model: 'plain', path: '/v1/embeddings' })).body,
      embedding,
    );
    const completion = '{"prompt":["a","b"],"model":"plain","logit_bias":{"50256":-100}}';
    assert.equal(
      (await relayed(completion, { model: 'plain', path: '/v1/completions' })).body,
      completion,
    );
  });

  test('of a stream gets the request for usage, and nothing else', async () => {
    const body = '{ "model":"plain","messages":[{"role":"user","content":"x"}],"stream":true }';
    const sent = await relayed(body, { model: 'plain' });
    assert.equal(sent.body.replace(/,"stream_options":\{"include_usage":true\}/, ''), body);
    assert.deepEqual(JSON.parse(sent.body).stream_options, {
      include_usage: true,
    });
  });

  test('keeps other stream options', async () => {
    for (const options of [
      '{"include_obfuscation":false}',
      '{}',
      '{"include_usage":false,"x":1}',
      'null',
    ]) {
      const body = `{"model":"plain","messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":${options}}`;
      const sent = await relayed(body, { model: 'plain' });
      const expected = { ...JSON.parse(options), include_usage: true };
      assert.deepEqual(JSON.parse(sent.body).stream_options, expected, options);
    }
  });

  test('is untouched where the client asked for usage itself', async () => {
    const body =
      '{"stream_options": { "include_usage" : true },"stream":true,"model":"plain","messages":[{"role":"user","content":"x"}]}';
    assert.equal((await relayed(body, { model: 'plain' })).body, body);
  });

  test('of an Anthropic stream is identical', async () => {
    const body =
      '{"stream": true,"model":"plain","max_tokens":5,"messages":[{"role":"user","content":"x"}]}';
    upstream.on('plain', ({ socket }) =>
      socket.write(json(400, { type: 'error', error: { type: 'x', message: 'y' } })),
    );
    await exchange(gateway.port, request('POST', '/v1/messages', [kCredential, kJson], body));
    assert.equal(upstream.of('plain').at(-1).body, body);
  });

  test('that comes in chunks goes upstream as one', async () => {
    upstream.on('plain', answer);
    const body = odd('"plain"');
    const bytes = Buffer.from(body);
    const connection = await connect(gateway.port);
    connection.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n${kCredential.join(': ')}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    for (let at = 0; at < bytes.length; at += 17) {
      const piece = bytes.subarray(at, at + 17);
      connection.write(
        Buffer.concat([
          Buffer.from(`${piece.length.toString(16)};x=y\r\n`),
          piece,
          Buffer.from('\r\n'),
        ]),
      );
    }
    connection.write('0\r\n\r\n');
    assert.equal((await connection.response()).status, 200);
    connection.end();
    const sent = upstream.of('plain').at(-1);
    assert.equal(sent.body, body);
    assert.equal(sent.headers['content-length'], String(bytes.length));
    assert.equal(sent.headers['transfer-encoding'], undefined);
  });

  test('of several megabytes arrives whole', async () => {
    const body = JSON.stringify({
      model: 'plain',
      messages: [{ role: 'user', content: 'é🙂x'.repeat(600_000) }],
    });
    assert.equal((await relayed(body, { model: 'plain' })).body, body);
  });
});

describe('header fields', () => {
  test("of the client go upstream, with the gateway's credential", async () => {
    const headers = [
      ['OpenAI-Organization', 'org-1'],
      ['openai-beta', 'assistants=v2'],
      ['X-Stainless-Lang', 'js'],
      ['User-Agent', 'tester/1.0'],
      ['X-Custom', 'a, b'],
      ['Idempotency-Key', 'k-1'],
      ['Accept', 'application/json'],
    ];
    const sent = await relayed(odd('"plain"'), { model: 'plain', headers });
    for (const [name, value] of headers) assert.equal(sent.headers[name.toLowerCase()], value);
    assert.equal(sent.headers.authorization, `Bearer ${kOpenAiKey}`);
    assert.equal(sent.headers['content-type'], 'application/json');
  });

  test('that concern only the gateway stay with it', async () => {
    const headers = [
      ['Cookie', 'session=secret'],
      ['X-Api-Key', kClientKey],
      ['Proxy-Authorization', 'Basic c2VjcmV0'],
      ['Connection', 'keep-alive, X-Hop'],
      ['X-Hop', '1'],
      ['Keep-Alive', 'timeout=5'],
      ['TE', 'trailers'],
      ['Upgrade', 'h2c'],
      ['Trailer', 'X-T'],
      ['x-sluice-mode', 'strict'],
      ['Proxy-Connection', 'keep-alive'],
    ];
    const sent = await relayed(odd('"plain"'), { model: 'plain', headers });
    for (const [name] of headers.filter(([each]) => each !== 'Connection')) {
      assert.equal(sent.headers[name.toLowerCase()], undefined, name);
    }
    assert.equal(sent.headers.host, `127.0.0.1:${upstream.port}`);
    assert.ok(!sent.head.includes(kClientKey));
    assert.ok(!sent.head.includes('secret'));
  });

  test('have no credential of the client in either dialect, however it was given', async () => {
    for (const path of ['/v1/chat/completions', '/v1/messages']) {
      for (const credential of [
        `Authorization: bearer ${kClientKey}`,
        `X-API-KEY: ${kClientKey}`,
      ]) {
        upstream.on('plain', answer);
        const bytes = request('POST', path, [credential.split(': '), kJson], odd('"plain"'));
        assert.equal((await exchange(gateway.port, bytes)).status, 200);
        const sent = upstream.of('plain').at(-1);
        assert.ok(!sent.head.includes(kClientKey));
        assert.ok(sent.head.includes(path === '/v1/messages' ? kAnthropicKey : kOpenAiKey));
      }
    }
  });

  test('of the query go upstream, but for a key in it', async () => {
    const sent = await relayed(odd('"plain"'), {
      model: 'plain',
      path: '/v1/messages?beta=true&key=sk-secret&api_key=2&x=%20y',
    });
    assert.match(sent.head, /^POST \/v1\/messages\?beta=true&x=%20y HTTP\/1\.1\r\n/);
  });

  test('continue a trace, and begin one where there is none', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const continued = await relayed(odd('"plain"'), {
      model: 'plain',
      headers: [
        ['traceparent', `00-${trace}-00f067aa0ba902b7-01`],
        ['tracestate', 'a=b'],
      ],
    });
    assert.match(continued.headers.traceparent, new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    assert.notEqual(continued.headers.traceparent.split('-')[2], '00f067aa0ba902b7');
    assert.equal(continued.headers.tracestate, 'a=b');
    const begun = await relayed(odd('"plain"'), {
      model: 'plain',
      headers: [
        ['traceparent', '00-00000000000000000000000000000000-00f067aa0ba902b7-01'],
        ['tracestate', 'a=b'],
      ],
    });
    assert.match(begun.headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    assert.notEqual(begun.headers.traceparent.split('-')[1], '0'.repeat(32));
    assert.equal(begun.headers.tracestate, undefined);
  });
});
