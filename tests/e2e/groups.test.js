// Several targets behind one name: who gets how much, and who stands in for whom.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { all, chat, openai } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { chunk, json, kLastChunk, kStreamHead, oa, startUpstream } from '../harness/upstream.mjs';
import { until } from '../harness/until.mjs';

const kNames = ['a', 'b', 'c'];
const good = ({ socket }) => socket.write(json(200, oa.whole('fine')));
const status =
  (code) =>
  ({ socket }) =>
    socket.write(json(code, { error: { message: 'no', type: 'no', code: null } }));

function provider(name, url, more = {}) {
  return { name, type: 'openai', base_url: `${url}/v1`, api_keys: [`sk-of-${name}`], ...more };
}

/// Upstreams a, b and c, and a gateway with one group of them for every model.
async function grouped(group, more = {}) {
  const upstreams = {};
  for (const name of kNames) upstreams[name] = await startUpstream();
  const config = configFor('http://127.0.0.1:1', {
    server: { threads: 2 },
    providers: kNames.map((name) => provider(name, upstreams[name].url)),
    routing: {
      rules: [{ type: 'prefix', pattern: '*', target: 'pool' }],
      groups: [{ name: 'pool', ...group }],
      ...more,
    },
  });
  const gateway = await startGateway(config);
  return { upstreams, config, gateway };
}

async function ask(gateway, model) {
  const answer = await gateway.post('/v1/chat/completions', chat(model));
  return {
    status: answer.status,
    text: await answer.text(),
    provider: answer.headers.get('x-sluice-provider'),
    model: answer.headers.get('x-sluice-model'),
    attempts: Number(answer.headers.get('x-sluice-attempts')),
  };
}

function tally(answers) {
  const counts = {};
  for (const { provider: name } of answers) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

describe('strategies', { concurrency: 4 }, () => {
  test('weights are shares, to the request, over all loops and connections', async () => {
    const { upstreams, gateway } = await grouped({
      strategy: 'weighted_round_robin',
      members: [{ target: 'a', weight: 5 }, { target: 'b', weight: 3 }, 'c'],
    });
    for (const name of kNames) upstreams[name].on('m', good);
    const answers = [];
    for (let batch = 0; batch < 9; ++batch) {
      answers.push(...(await Promise.all(Array.from({ length: 20 }, () => ask(gateway, 'm')))));
    }
    assert.ok(answers.every((each) => each.status === 200 && each.attempts === 1));
    assert.deepEqual(tally(answers), { a: 100, b: 60, c: 20 });
    assert.equal(upstreams.a.of('m').length, 100);
  });

  test('round robin asks each in turn, without a strategy given', async () => {
    const { upstreams, gateway } = await grouped({ members: kNames });
    for (const name of kNames) upstreams[name].on('m', good);
    const order = [];
    for (let i = 0; i < 9; ++i) order.push((await ask(gateway, 'm')).provider);
    assert.equal(order.join(''), 'abcabcabc');
  });

  test('a conversation stays with its member, and new ones take turns', async () => {
    const { upstreams, gateway } = await grouped({ members: kNames });
    for (const name of kNames) upstreams[name].on('m', good);
    const say = async (id, turns) => {
      const messages = [{ role: 'user', content: `question ${id}` }];
      for (let i = 1; i < turns; ++i) {
        messages.push({ role: 'assistant', content: 'fine' }, { role: 'user', content: `${i}` });
      }
      const answer = await gateway.post('/v1/chat/completions', { model: 'm', messages });
      assert.equal(answer.status, 200, await answer.text());
      return answer.headers.get('x-sluice-provider');
    };
    const homes = [];
    for (let id = 0; id < 6; ++id) homes.push(await say(id, 1));
    assert.equal(homes.join(''), 'abcabc');
    for (let turns = 2; turns < 6; ++turns) {
      for (let id = 0; id < 6; ++id) assert.equal(await say(id, turns), homes[id]);
    }
    // It moves when its member fails, and stays where it has come to.
    upstreams.a.on('m', status(503));
    const moved = await say(0, 6);
    assert.notEqual(moved, 'a');
    upstreams.a.on('m', good);
    assert.equal(await say(0, 7), moved);
  });

  test('without affinity its requests take turns like all', async () => {
    const { upstreams, gateway } = await grouped({ members: kNames, affinity: 'none' });
    for (const name of kNames) upstreams[name].on('m', good);
    const seen = [];
    for (let i = 0; i < 6; ++i) {
      const answer = await gateway.post('/v1/chat/completions', {
        model: 'm',
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
          { role: 'user', content: 'c' },
        ],
      });
      await answer.text();
      seen.push(answer.headers.get('x-sluice-provider'));
    }
    assert.equal(seen.join(''), 'abcabc');
  });

  test('random gives everybody something, by weight', async () => {
    const { upstreams, gateway } = await grouped({
      strategy: 'random',
      members: [{ target: 'a', weight: 9 }, 'b'],
    });
    for (const name of kNames) upstreams[name].on('m', good);
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask(gateway, 'm')));
    const counts = tally(answers);
    assert.ok(counts.a > 150, JSON.stringify(counts));
    assert.ok(counts.b > 0, JSON.stringify(counts));
  });

  test('least connections leaves a slow member alone until it has answered', async () => {
    const { upstreams, gateway } = await grouped({
      strategy: 'least_connections',
      members: ['a', 'b'],
    });
    const held = [];
    upstreams.a.on('m', ({ socket }) => held.push(socket));
    upstreams.b.on('m', good);
    const slow = ask(gateway, 'm');
    await until('the slow member to be asked', () => ({ done: held.length === 1 }));
    for (let i = 0; i < 20; ++i) assert.equal((await ask(gateway, 'm')).provider, 'b');
    assert.equal(held.length, 1);
    good({ socket: held[0] });
    assert.equal((await slow).provider, 'a');
    upstreams.a.on('m', good);
    const after = [];
    for (let i = 0; i < 10; ++i) after.push(await ask(gateway, 'm'));
    assert.deepEqual(tally(after), { a: 5, b: 5 });
  });
});

describe('members', { concurrency: 4 }, () => {
  test('are asked for the model that they know', async () => {
    const { upstreams, gateway } = await grouped({
      members: [{ target: 'a', model: 'its-own' }, { target: 'b' }],
    });
    upstreams.a.on('its-own', good);
    upstreams.b.on('asked-for', good);
    const first = await ask(gateway, 'asked-for');
    const second = await ask(gateway, 'asked-for');
    assert.deepEqual([first.provider, first.model], ['a', 'its-own']);
    assert.deepEqual([second.provider, second.model], ['b', 'asked-for']);
    assert.equal(upstreams.a.of('its-own').length, 1);
  });

  test('that do not have the model are passed over', async () => {
    const { upstreams, config } = await grouped({ members: kNames });
    config.providers[1].models = ['something-else'];
    const gateway = await startGateway(config);
    for (const name of kNames) upstreams[name].on('m', good);
    const answers = [];
    for (let i = 0; i < 6; ++i) answers.push(await ask(gateway, 'm'));
    assert.deepEqual(tally(answers), { a: 3, c: 3 });
  });

  test('stand in for each other before a fallback is asked', async () => {
    const { upstreams, gateway } = await grouped(
      { members: ['a', 'b'] },
      { fallbacks: [{ from: 'pool', to: ['c'] }] },
    );
    upstreams.a.on('m', status(500));
    upstreams.b.on('m', good);
    upstreams.c.on('m', good);
    for (let i = 0; i < 4; ++i) {
      const got = await ask(gateway, 'm');
      assert.deepEqual([got.status, got.provider], [200, 'b'], got.text);
    }
    upstreams.b.on('m', status(500));
    const got = await ask(gateway, 'm');
    assert.deepEqual([got.status, got.provider], [200, 'c'], got.text);
  });

  test('of a stream stand in until its first content', async () => {
    const { upstreams, gateway } = await grouped({ members: ['a', 'b'] });
    upstreams.a.on('m', ({ socket }) => {
      socket.write(kStreamHead + chunk(oa.role()));
      socket.end();
    });
    upstreams.b.on('m', ({ socket }) => {
      const events = [oa.role(), oa.text('whole'), oa.finish(), oa.done()];
      socket.write(kStreamHead + events.map(chunk).join('') + kLastChunk);
    });
    const events = await all(
      await openai(gateway).chat.completions.create(chat('m', { stream: true })),
    );
    const text = events.map((each) => each.choices[0]?.delta?.content ?? '').join('');
    assert.equal(text, 'whole');
    assert.equal(upstreams.a.of('m').length, 1);
  });

  test('that are down are left out after their first failure, and come back', async () => {
    const { upstreams, gateway } = await grouped({ members: ['a', 'b'] });
    for (const name of kNames) upstreams[name].on('m', good);
    await upstreams.a.stop();
    const answers = [];
    for (let i = 0; i < 20; ++i) answers.push(await ask(gateway, 'm'));
    assert.deepEqual(tally(answers), { b: 20 });
    const failed = answers.reduce((sum, each) => sum + each.attempts - 1, 0);
    // Without a memory every second request would have tried it.
    assert.ok(failed >= 1 && failed <= 3, `${failed} attempts failed`);
    await new Promise((resolve) => {
      upstreams.a.server.listen(upstreams.a.port, '127.0.0.1', resolve);
    });
    await until('the member to be asked again', async () => {
      const got = await ask(gateway, 'm');
      assert.equal(got.status, 200, got.text);
      return { done: got.provider === 'a', value: got };
    });
  });
});

test('a member that answers again is back before its first long answer has ended', async () => {
  const { upstreams, gateway } = await grouped({ members: ['a', 'b'] });
  for (const name of kNames) upstreams[name].on('short', good);
  upstreams.a.on('long', ({ socket }) => {
    socket.write(kStreamHead + chunk(oa.role()) + chunk(oa.text('once upon')));
  });
  upstreams.b.on('long', good);
  await upstreams.a.stop();
  for (let i = 0; i < 2; ++i) assert.equal((await ask(gateway, 'short')).provider, 'b');
  await new Promise((resolve) => {
    upstreams.a.server.listen(upstreams.a.port, '127.0.0.1', resolve);
  });
  const abort = new AbortController();
  await until('the long answer to begin', async () => {
    const answer = await gateway.post('/v1/chat/completions', chat('long', { stream: true }), {}, {
      signal: abort.signal,
    });
    const name = answer.headers.get('x-sluice-provider');
    if (name !== 'a') await answer.text();
    return { done: name === 'a', value: name };
  });
  await until('the member to answer beside it', async () => {
    const got = await ask(gateway, 'short');
    return { done: got.provider === 'a', value: got };
  });
  abort.abort();
});

describe('fallbacks', { concurrency: 4 }, () => {
  test('of fallbacks are asked before the next one', async () => {
    const { upstreams, config } = await grouped({ members: ['a'] });
    const last = await startUpstream();
    config.providers.push(provider('last', last.url));
    config.routing.fallbacks = [
      { from: 'pool', to: [{ target: 'b', model: 'of-b' }, 'last'] },
      { from: 'b', to: ['c'] },
    ];
    const gateway = await startGateway(config);
    upstreams.a.on('m', status(503));
    upstreams.b.on('of-b', status(503));
    upstreams.c.on('of-b', good);
    last.on('m', good);
    const got = await ask(gateway, 'm');
    assert.deepEqual([got.status, got.provider, got.model], [200, 'c', 'of-b'], got.text);
    upstreams.c.on('of-b', status(503));
    const behind = await ask(gateway, 'm');
    assert.deepEqual([behind.status, behind.provider, behind.model], [200, 'last', 'm']);
  });

  test('of its members serve a group that has none', async () => {
    const { upstreams, gateway } = await grouped(
      { members: [{ target: 'a', model: 'of-a' }] },
      { fallbacks: [{ from: 'a', to: ['b'] }] },
    );
    upstreams.a.on('of-a', status(503));
    upstreams.b.on('of-a', good);
    const got = await ask(gateway, 'm');
    assert.deepEqual([got.status, got.provider, got.model], [200, 'b', 'of-a'], got.text);
  });
});

test('a reload changes a group, and disturbs no stream of it', async () => {
  const mock = await startMock();
  const providers = ['a', 'b'].map((name) => provider(name, mock.url));
  const configOf = (members) =>
    configFor(mock.url, {
      providers,
      routing: {
        rules: [{ type: 'prefix', pattern: 'mock', target: 'pool' }],
        groups: [{ name: 'pool', members }],
      },
    });
  const gateway = await startGateway(configOf(['a']));
  const stream = await openai(gateway)
    .chat.completions.create(chat('mock-c40-i20', { stream: true }))
    .withResponse();
  assert.equal(stream.response.headers.get('x-sluice-provider'), 'a');
  const events = stream.data[Symbol.asyncIterator]();
  let words = 0;
  while (words === 0) words += (await events.next()).value.choices[0]?.delta?.content ? 1 : 0;
  assert.ok(await gateway.reload(configOf(['b'])));
  for (let i = 0; i < 4; ++i) assert.equal((await ask(gateway, 'mock-c1')).provider, 'b');
  for (let next = await events.next(); !next.done; next = await events.next()) {
    words += next.value.choices[0]?.delta?.content ? 1 : 0;
  }
  assert.equal(words, 40);
});

test('turns go on where they were after a reload of other things', async () => {
  const { upstreams, config, gateway } = await grouped({ members: kNames });
  for (const name of kNames) upstreams[name].on('m', good);
  assert.equal((await ask(gateway, 'm')).provider, 'a');
  assert.ok(await gateway.reload({ ...config, logging: { level: 'info', format: 'json' } }));
  assert.equal((await ask(gateway, 'm')).provider, 'b');
});
