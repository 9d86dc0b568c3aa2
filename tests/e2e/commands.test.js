// The binary from a shell: usage, configuration, environment.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { chat } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { run, Sluice, temporaryFolder, writeConfig } from '../harness/processes.mjs';

const folder = temporaryFolder();
const serves = /^Starting server on :(\d+)$/;
let number = 0;

function file(config) {
  return writeConfig(path.join(folder, `config-${++number}.yaml`), config);
}

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('usage', () => {
  const commands = [[], ['serve'], ['check'], ['mock'], ['bench'], ['version']];
  for (const command of commands) {
    test(`sluice ${[...command, '--help'].join(' ')} exits with 0`, async () => {
      const { code, stdout, stderr } = await run([...command, '--help']);
      assert.equal(code, 0);
      assert.match(stdout, /Usage: sluice/);
      assert.equal(stderr.trim(), '');
    });
  }

  const wrong = [
    [],
    ['fly'],
    ['serve', '--fly'],
    ['serve', 'extra'],
    ['check', '--config'],
    ['mock', '--port', 'x'],
    ['mock', '--port', '70000'],
    ['mock', '--threads', '0'],
    ['bench', '--abort', '2'],
    ['serve', '--config', '/no/such/file'],
    ['check', '--config', '/no/such/file'],
    ['check', '--set', 'nonsense'],
    ['serve', '--set', 'server.prt=1'],
    ['version', 'extra'],
  ];
  for (const args of wrong) {
    test(`sluice ${args.join(' ')} exits with 2 and one line`, async () => {
      const { code, stdout, stderr } = await run(args);
      assert.equal(code, 2);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
      assert.ok(stderr.trim().length > 10);
      assert.equal(stdout.trim(), '');
    });
  }

  test('sluice version tells version, build type and features', async () => {
    const { code, stdout } = await run(['version']);
    assert.equal(code, 0);
    assert.match(stdout, /^sluice \d+\.\d+\.\d+ \([a-z]+\)\n/);
    assert.match(stdout, /openai, anthropic/);
  });
});

describe('a database of a kind that is not known', () => {
  for (const command of ['check', 'serve']) {
    test(`is refused by sluice ${command}, with its line and without its password`, async () => {
      const url = 'oracle://u:hunter2@db/x';
      const config = file(`database:\n  url: "${url}"\n`);
      const { code, stdout, stderr } = await run([command, '--config', config]);
      assert.equal(code, 2);
      assert.ok(stderr.startsWith(`${config}:2:8: database.url `), stderr);
      assert.match(stderr, /postgresql:/);
      assert.ok(!(stdout + stderr).includes('hunter2'));
    });
  }
});

describe('sluice check', () => {
  test('accepts what serve accepts', async () => {
    const { code, stdout, stderr } = await run([
      'check',
      '--config',
      file(configFor('http://127.0.0.1:1')),
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /valid/);
  });

  const faults = {
    'an unknown key, and names the nearest': [
      'server:\n  host: 127.0.0.1\n  prot: 80\n',
      /:3:3: .*prot.*did you mean "port"/,
    ],
    'a wrong type': ['server:\n  port: many\n', /:2:9: .*server\.port/],
    'a value out of range': ['server:\n  port: 70000\n', /:2:9: .*server\.port/],
    'a duplicate key': ['server:\n  port: 1\n  port: 2\n', /:3:3: .*port/],
    'a broken duration': ['server:\n  drain_max: 5 parsecs\n', /:2:14: .*drain_max/],
    'a rule without a target': [
      'routing:\n  rules:\n    - { type: exact, pattern: x, target: nobody }\n',
      /:3:\d+: .*nobody/,
    ],
    'two providers of one name': [
      'providers:\n  - { name: a, type: openai }\n  - { name: a, type: openai }\n',
      /:3:\d+: .*"?a"?/,
    ],
    'a variable that is not set': [
      'data_dir: "${NO_SUCH_VARIABLE}"\n',
      /:1:11: .*NO_SUCH_VARIABLE/,
    ],
    'broken YAML': ['server: [\n', /:\d+:\d+: /],
  };
  for (const [name, [text, pattern]] of Object.entries(faults)) {
    test(`refuses ${name}, with file, line and column`, async () => {
      const config = file(text);
      const { code, stderr } = await run(['check', '--config', config]);
      assert.equal(code, 2);
      assert.ok(stderr.startsWith(config), stderr);
      assert.match(stderr.slice(config.length), pattern);
      assert.equal((await run(['serve', '--config', config])).code, 2);
    });
  }

  test('accepts the configuration files that are shipped', async () => {
    for (const name of ['gateway', 'quickstart']) {
      const shipped = new URL(`../../configs/${name}.yaml`, import.meta.url).pathname;
      const { code, stderr } = await run(['check', '--config', shipped]);
      assert.equal(code, 0, stderr);
    }
  });
});

describe('values', () => {
  test('come from the command line before the environment before the file', async () => {
    const [inFile, inEnvironment, onCommandLine] = [
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const config = configFor('http://127.0.0.1:1', { server: { port: inFile } });
    const env = { PORT: String(inEnvironment) };
    assert.equal((await startGateway(config)).port, inFile);
    assert.equal((await startGateway(config, { env })).port, inEnvironment);
    const args = ['--set', `server.port=${onCommandLine}`];
    assert.equal((await startGateway(config, { env, args })).port, onCommandLine);
  });

  test('may name variables, and files for secrets', async () => {
    const mock = await startMock();
    const config = configFor('x');
    config.providers[0].base_url = '${UPSTREAM}/v1';
    config.providers[1].base_url = '${OTHER_UPSTREAM:-http://127.0.0.1:1}';
    const secret = path.join(folder, 'key');
    writeFileSync(secret, 'sk-from-a-file-0001\n');
    config.keys = [
      { key_file: secret, name: 'from-file' },
      { key: '${THE_KEY}', name: 'from-env' },
    ];
    const gateway = await startGateway(config, {
      env: { UPSTREAM: mock.url, THE_KEY: 'sk-from-env-00001' },
    });
    for (const key of ['sk-from-a-file-0001', 'sk-from-env-00001']) {
      const headers = { authorization: `Bearer ${key}` };
      const answer = await gateway.post('/v1/chat/completions', chat('mock-c1'), headers);
      assert.equal(answer.status, 200);
    }
    assert.equal((await gateway.post('/v1/chat/completions', chat('mock-c1'))).status, 401);
  });

  test('come from configs/gateway.yaml where no file is named', async () => {
    const home = temporaryFolder();
    mkdirSync(path.join(home, 'configs'));
    const config = configFor('http://127.0.0.1:1', { keys: [{ key: kClientKey, name: 'found' }] });
    writeConfig(path.join(home, 'configs/gateway.yaml'), config);
    const gateway = new Sluice(['serve'], { cwd: home });
    assert.ok((await gateway.listening(serves)) > 0);
    await gateway.stdout.first(/"event":"listening".*"keys":1/);
  });

  test('are built in where there is no file at all', async () => {
    const port = await freePort();
    const gateway = new Sluice(['serve', '--set', 'server.drain_min=0s'], {
      cwd: temporaryFolder(),
      env: { PORT: String(port) },
    });
    assert.equal(await gateway.listening(serves), port);
    assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
  });
});

describe('sluice mock', () => {
  test('says where it listens, and refuses a port that is taken', async () => {
    const server = net.createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { code, stderr } = await run([
      'mock',
      '--host',
      '127.0.0.1',
      '--port',
      String(server.address().port),
    ]);
    server.close();
    assert.notEqual(code, 0);
    assert.equal(stderr.trim().split('\n').length, 1);
  });
});

describe('sluice bench', () => {
  test('measures a gateway, and tells it as JSON', async () => {
    const mock = await startMock();
    const gateway = await startGateway(configFor(mock.url));
    const args = [
      '--url',
      gateway.url,
      '--key',
      kClientKey,
      '--model',
      'mock-c5',
      '-n',
      '50',
      '-c',
      '5',
      '--json',
    ];
    const { code, stdout, stderr } = await run(['bench', ...args]);
    assert.equal(code, 0, stderr);
    assert.equal(typeof JSON.parse(stdout), 'object');
    await mock.countsOf('mock-c5', { requests: 50, finished: 50 });
  });
});
