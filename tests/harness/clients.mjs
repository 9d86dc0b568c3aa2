// The official clients, told to show every failure at once.
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { kClientKey } from './gateway.mjs';

export function openai(gateway, options = {}) {
  return new OpenAI({
    baseURL: `${gateway.url}/v1`,
    apiKey: kClientKey,
    maxRetries: 0,
    ...options,
  });
}

export function anthropic(gateway, options = {}) {
  return new Anthropic({
    baseURL: gateway.url,
    apiKey: kClientKey,
    maxRetries: 0,
    ...options,
  });
}

export const kHello = [{ role: 'user', content: 'Hello' }];

/// A chat request for a scripted model.
export function chat(model, more = {}) {
  return { model, messages: kHello, ...more };
}

/// A messages request for a scripted model.
export function message(model, more = {}) {
  return { model, max_tokens: 1000, messages: kHello, ...more };
}

export async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

/// What a promise was rejected with; fails when it was not.
export async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it should have been refused');
}
