// The SDKs of three providers, each against the conversation that is named: prints a line of JSON for each, [name, what came of it].
import { setGlobalDispatcher, EnvHttpProxyAgent } from 'undici';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { GoogleGenAI } from '@google/genai';

// What Node 24 does by itself where NODE_USE_ENV_PROXY is set.
setGlobalDispatcher(new EnvHttpProxyAgent());

const named = (name) => ({ 'x-conversation': name });
const anthropic = (name) => new Anthropic({ apiKey: 'test', maxRetries: 0, defaultHeaders: named(name) });
const openai = (name) => new OpenAI({ apiKey: 'test', maxRetries: 0, defaultHeaders: named(name) });
const google = (name) => new GoogleGenAI({ apiKey: 'test', vertexai: false, httpOptions: { headers: named(name) } });

const user = [{ role: 'user', content: 'Hello' }];
const tool = (name) => ({ type: 'function', function: { name, parameters: { type: 'object' } } });
const calls = (tools) => (tools.length ? { tools } : {});
const said = (text) => (text ? { text } : {});

const message = ({ content, stop_reason, usage }) => ({
  stop: stop_reason, input: usage.input_tokens, output: usage.output_tokens,
  ...said(content.filter((block) => block.type === 'text').map((block) => block.text).join('')),
  ...calls(content.filter((block) => block.type === 'tool_use').map((block) => [block.id, block.name, block.input])),
});
const completion = ({ choices: [{ message, finish_reason }], usage }) => ({
  stop: finish_reason, input: usage.prompt_tokens, output: usage.completion_tokens, ...said(message.content),
  ...calls((message.tool_calls ?? []).map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments)])),
});
const response = ({ status, output, usage }) => ({
  stop: status, input: usage.input_tokens, output: usage.output_tokens,
  ...said(output.flatMap((item) => item.content ?? []).map((part) => part.text ?? '').join('')),
  ...calls(output.filter((item) => item.type === 'function_call')
    .map((item) => [item.call_id, item.name, JSON.parse(item.arguments)])),
});
const generated = (chunks) => {
  const { usageMetadata } = chunks.at(-1);
  const parts = chunks.flatMap((chunk) => chunk.candidates[0].content?.parts ?? []);
  return {
    stop: chunks.at(-1).candidates[0].finishReason, input: usageMetadata.promptTokenCount,
    output: usageMetadata.candidatesTokenCount,
    ...said(parts.filter((part) => part.text && !part.thought).map((part) => part.text).join('')),
    ...calls(parts.filter((part) => part.functionCall)
      .map(({ functionCall }) => [functionCall.id ?? null, functionCall.name, functionCall.args])),
  };
};

async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

const asked = { model: 'claude-sonnet-4-5', max_tokens: 64, messages: user };
const gemini = (model) => ({ model, contents: 'Hello' });

const scenarios = {
  'anthropic-parallel-tools': async (name) => message(await anthropic(name).messages.stream({
    ...asked, tools: ['weather', 'clock', 'now'].map((each) => ({ name: each, input_schema: { type: 'object' } })),
  }).finalMessage()),
  'anthropic-text': async (name) => message(await anthropic(name).messages.stream(asked).finalMessage()),
  'anthropic-text-whole': async (name) =>
    message(await anthropic(name).messages.create({ ...asked, model: 'claude-haiku-4-5' })),
  'anthropic-rate-limited': (name) => anthropic(name).messages.create(asked),
  'anthropic-error-in-stream': async (name, got) => {
    for await (const event of await anthropic(name).messages.create({ ...asked, stream: true }))
      if (event.type === 'content_block_delta') got.text = (got.text ?? '') + event.delta.text;
  },
  'chat-parallel-tools': async (name) => completion(await openai(name).chat.completions.stream({
    model: 'gpt-5-mini', messages: user, stream_options: { include_usage: true }, tools: [tool('weather'), tool('clock')],
  }).finalChatCompletion()),
  'chat-whole': async (name) =>
    completion(await openai(name).chat.completions.create({ model: 'gpt-4.1-mini', messages: user })),
  'chat-quota': (name) => openai(name).chat.completions.create({ model: 'gpt-4o', messages: user }),
  'chat-error-in-stream': async (name, got) => {
    for await (const chunk of await openai(name).chat.completions.create({ model: 'gpt-4o', messages: user, stream: true }))
      got.text = (got.text ?? '') + chunk.choices[0].delta.content;
  },
  'responses': async (name) =>
    response(await openai(name).responses.stream({ model: 'gpt-5', input: 'Think.' }).finalResponse()),
  'responses-whole-tools': async (name) =>
    response(await openai(name).responses.create({ model: 'gpt-5-mini', input: 'Weather and time?' })),
  'embeddings': async (name) => {
    const { data, usage } = await openai(name).embeddings.create(
      { model: 'text-embedding-3-small', input: ['one', 'two'], encoding_format: 'float' });
    return { input: usage.prompt_tokens, vectors: data.map((each) => each.embedding) };
  },
  'gemini-sse': async (name) =>
    generated(await all(await google(name).models.generateContentStream(gemini('gemini-2.5-flash')))),
  'gemini-cached': async (name) => generated([await google(name).models.generateContent(gemini('gemini-2.5-flash'))]),
  'gemini-parallel-tools': async (name) => generated(await all(await google(name).models.generateContentStream({
    ...gemini('gemini-3-pro-preview'), config: { tools: [{ functionDeclarations: [{ name: 'weather' }] }] },
  }))),
  'gemini-exhausted': (name) => google(name).models.generateContent(gemini('gemini-2.5-flash')),
};

for (const [name, scenario] of Object.entries(scenarios)) {
  const got = {};
  try {
    Object.assign(got, await scenario(name, got));
  } catch (error) {
    if (!error.constructor.name.match(/Error$/) || error instanceof TypeError) throw error;
    Object.assign(got, { error: error.constructor.name }, error.status ? { status: error.status } : {});
  }
  console.log(JSON.stringify([name, got]));
}
