// Many streams at once, and clients that do not read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { all, anthropic, chat, message, openai } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { connect, request } from '../harness/raw.mjs';
import { until } from '../harness/until.mjs';
import { chunk, kLastChunk, kStreamHead, oa, startUpstream } from '../harness/upstream.mjs';

const mock = await startMock();
const upstream = await startUpstream();
const config = configFor(mock.url, {
  routing: { rules: [{ type: 'prefix', pattern: 'by-hand-', target: 'hand' }] },
});
config.providers.push({
  name: 'hand',
  type: 'openai',
  base_url: `${upstream.url}/v1`,
});
const gateway = await startGateway(config);

// Pitfall 40 of src/dialect/chat/testdata/README.md.
test('200 parallel streams have each their own answer', async () => {
  const clients = { oa: openai(gateway), an: anthropic(gateway) };
  // The script's numbers make every model, its text and its length unique.
  const streams = Array.from({ length: 200 }, (_, i) => ({
    i,
    model: `mock-c${20 + i}-i${1 + (i % 3)}`,
  }));
  const answers = await Promise.all(
    streams.map(async ({ i, model }) => {
      if (i % 4 === 3) {
        const final = await clients.an.messages
          .stream(message(model, { max_tokens: 4000 }))
          .finalMessage();
        return {
          model: final.model,
          ids: [final.id],
          text: final.content[0].text,
        };
      }
      const chunks = await all(
        await clients.oa.chat.completions.create(chat(model, { stream: true })),
      );
      const models = new Set(chunks.map((each) => each.model));
      assert.equal(models.size, 1, [...models].join());
      assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
      return {
        model: chunks[0].model,
        ids: [...new Set(chunks.map((each) => each.id))],
        text: chunks.map((each) => each.choices[0].delta.content ?? '').join(''),
      };
    }),
  );
  const ids = answers.map((answer) => answer.ids);
  assert.ok(ids.every((each) => each.length === 1));
  assert.equal(new Set(ids.flat()).size, 200);
  await Promise.all(
    answers.map(async ({ model, text }, i) => {
      assert.equal(model, streams[i].model);
      const direct = await openai({ url: mock.url }).chat.completions.create(chat(model));
      assert.equal(text, direct.choices[0].message.content);
    }),
  );
});

test('a client that does not read stops its upstream, not the gateway, and loses nothing', async () => {
  const kEvents = 1600;
  const text = 'x'.repeat(32 * 1024);
  const event = chunk(oa.text(text));
  let sent = 0;
  let finished = false;
  const model = upstream.on('by-hand-50mb', ({ socket }) => {
    socket.write(kStreamHead + chunk(oa.role()));
    const more = () => {
      while (sent < kEvents) {
        ++sent;
        if (!socket.write(event)) return;
      }
      if (!finished) socket.write(chunk(oa.finish() + oa.done()) + kLastChunk);
      finished = true;
    };
    socket.on('drain', more);
    more();
  });
  const before = await gateway.resident();
  const headers = [['Authorization', `Bearer ${kClientKey}`]];
  const connection = await connect(gateway.port);
  connection.socket.pause();
  connection.write(
    request('POST', '/v1/chat/completions', headers, JSON.stringify(chat(model, { stream: true }))),
  );

  // It goes on until every buffer between is full, and no further.
  let last = -1;
  await until('the upstream to be stopped', async () => {
    const done = sent > 0 && sent === last;
    last = sent;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { done: done && sent === last, value: sent };
  });
  assert.ok(sent < kEvents, 'the upstream was read to its end');
  const grown = (await gateway.resident()) - before;
  assert.ok(grown < 16 << 20, `the gateway grew by ${grown >> 20} MiB`);

  // Others are served meanwhile.
  const answer = await openai(gateway).chat.completions.create(chat('mock-c3'));
  assert.equal(answer.choices[0].finish_reason, 'stop');

  // Counted, not kept: the events are all the same.
  let bytes = 0;
  let tail = '';
  connection.socket.removeAllListeners('data');
  const done = new Promise((resolve) => {
    connection.socket.on('data', (data) => {
      bytes += data.length;
      tail = (tail + data.toString('latin1')).slice(-400);
      if (tail.endsWith('0\r\n\r\n')) resolve();
    });
  });
  connection.socket.resume();
  await done;
  connection.end();
  const body = oa.role().length + kEvents * oa.text(text).length + (oa.finish() + oa.done()).length;
  assert.ok(bytes >= body && bytes < body * 1.01, `${bytes} bytes for a body of ${body}`);
  assert.match(tail, /\[DONE\]/);
});

test('what an aborted stream held is given back', async () => {
  const model = 'mock-c5000-i5';
  const clients = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const connection = await connect(gateway.port);
      const headers = [['Authorization', `Bearer ${kClientKey}`]];
      connection.write(
        request(
          'POST',
          '/v1/chat/completions',
          headers,
          JSON.stringify(chat(model, { stream: true })),
        ),
      );
      await connection.contains('"content"');
      return connection;
    }),
  );
  for (const connection of clients) connection.abort();
  await mock.countsOf(model, { requests: 20, aborted: 20 });
  await until('no stream to be live', async () => {
    const text = await (await gateway.get('/metrics')).text();
    const active = /^gateway_active_streams (\d+)$/m.exec(text)[1];
    return { done: active === '0', value: active };
  });
});
