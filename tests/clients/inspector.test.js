// The Inspector, which knows what hosts stumble over in a tool's schema.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { BINARY, ROOT, environment, makeFolder, makeLibrary, run, startServer } from './harness.js';

const INSPECTOR = join(
  ROOT,
  'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js',
);

for (const era of ['legacy', 'modern']) {
  test(`the Inspector finds no fault with the tools over HTTP, in the ${era} era`, async (t) => {
    const { url } = await startServer(t, await makeLibrary(t));
    await inspect(t, era, process.env, [`${url}/mcp`, '--transport', 'http']);
  });

  test(`the Inspector finds no fault with the tools over stdio, in the ${era} era`, async (t) => {
    await inspect(t, era, environment(await makeLibrary(t)), [BINARY, 'stdio']);
  });
}

async function inspect(t, era, { PATH, DATABASE_PATH }, target) {
  // The Inspector keeps a catalogue at home.
  const env = { PATH, DATABASE_PATH, HOME: await makeFolder(t) };
  const options = ['--method', 'tools/list', '--strict', '--protocol-era', era];
  const variables = DATABASE_PATH ? ['-e', `DATABASE_PATH=${DATABASE_PATH}`] : [];
  const args = [INSPECTOR, '--cli', ...variables, ...options, ...target];
  const { stdout, stderr } = await run(process.execPath, args, { env });
  assert.equal(stderr, '');
  assert.deepEqual(JSON.parse(stdout).tools.map(({ name }) => name), [
    'get_prompt',
    'list_prompts',
    'save_prompt',
    'harvest_session',
    'delete_prompt',
    'health_check',
  ]);
}
