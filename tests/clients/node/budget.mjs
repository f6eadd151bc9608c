// Three SDKs as they are, retries and all, at a Weir with nothing left to spend: prints a line of JSON for each, [name, what it threw].
import { setGlobalDispatcher, EnvHttpProxyAgent } from 'undici';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { GoogleGenAI } from '@google/genai';

setGlobalDispatcher(new EnvHttpProxyAgent());
const user = [{ role: 'user', content: 'Hello' }];

const calls = {
  anthropic: () => new Anthropic({ apiKey: 'test' }).messages.create({ model: 'claude-sonnet-4-5', max_tokens: 900, messages: user }),
  anthropicStream: () =>
    new Anthropic({ apiKey: 'test' }).messages.stream({ model: 'claude-sonnet-4-5', max_tokens: 900, messages: user }).finalMessage(),
  chat: () => new OpenAI({ apiKey: 'test' }).chat.completions.create({ model: 'gpt-4o', messages: user }),
  responses: () => new OpenAI({ apiKey: 'test' }).responses.create({ model: 'gpt-5', input: 'Hello' }),
  gemini: () => new GoogleGenAI({ apiKey: 'test', vertexai: false }).models
    .generateContent({ model: 'gemini-2.5-pro', contents: 'Hello' }),
};
for (const [name, call] of Object.entries(calls)) {
  try {
    console.log(JSON.stringify([name, await call()]));
  } catch (error) {
    console.log(JSON.stringify([name, { error: error.constructor.name, status: error.status, told: error.message.includes('has $') }]));
  }
}
