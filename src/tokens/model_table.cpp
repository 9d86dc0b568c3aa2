#include "tokens/model_table.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace sluice::tokens {
namespace {

constexpr ImageRule kTiles{};
constexpr ImageRule kTiles4oMini{.base = 2833, .tile = 5667};
constexpr ImageRule kTilesO{.base = 75, .tile = 150};
constexpr ImageRule kTiles5{.base = 70, .tile = 140};
constexpr ImageRule kPatchesMini{.kind = ImageRule::Kind::kPatches, .percent = 162};
constexpr ImageRule kPatchesNano{.kind = ImageRule::Kind::kPatches, .percent = 246};
constexpr ImageRule kPatchesO4{.kind = ImageRule::Kind::kPatches, .percent = 172};
constexpr ImageRule kArea{.kind = ImageRule::Kind::kArea};

constexpr ModelFacts openai(EncodingId encoding, int64_t context, int64_t max_output,
                            ImageRule images = kTiles) {
  return {.family = Family::kOpenAi,
          .encoding = encoding,
          .exact = true,
          .context = context,
          .max_output = max_output,
          .images = images};
}
constexpr ModelFacts o200k(int64_t context, int64_t max_output, ImageRule images = kTiles) {
  return openai(EncodingId::kO200kBase, context, max_output, images);
}
constexpr ModelFacts cl100k(int64_t context, int64_t max_output) {
  return openai(EncodingId::kCl100kBase, context, max_output);
}
constexpr ModelFacts p50k(int64_t context) { return openai(EncodingId::kP50kBase, context, 0); }
constexpr ModelFacts r50k(int64_t context) { return openai(EncodingId::kR50kBase, context, 0); }

/// Charges for thoughts of which it streams nothing.
constexpr ModelFacts secretive(ModelFacts facts) {
  facts.hidden_reasoning = true;
  return facts;
}

/// Counted with o200k_base, which is not its own.
constexpr ModelFacts foreign(Family family, double factor, int64_t context = 0,
                             int64_t max_output = 0, ImageRule images = kTiles) {
  return {.family = family,
          .factor = factor,
          .context = context,
          .max_output = max_output,
          .images = images};
}
constexpr ModelFacts claude(int64_t max_output) {
  return foreign(Family::kAnthropic, 1.2, 200'000, max_output, kArea);
}
constexpr ModelFacts gemini(int64_t context, int64_t max_output) {
  return foreign(Family::kGemini, 1.05, context, max_output);
}
constexpr ModelFacts other(double factor, int64_t context = 0, int64_t max_output = 0) {
  return foreign(Family::kOther, factor, context, max_output);
}

struct Row {
  std::string_view name;
  ModelFacts facts;
  /// The name ends here, or goes on with something that is no letter and no digit.
  bool whole = false;
};

// Figures are those of the providers' public model pages; 0 where they differ by deployment or
// are not published. The order does not matter.
constexpr std::array kRows = {
    Row{"gpt-5", secretive(o200k(400'000, 128'000, kTiles5))},
    Row{"gpt-5-mini", secretive(o200k(400'000, 128'000, kPatchesMini))},
    Row{"gpt-5-nano", secretive(o200k(400'000, 128'000, kPatchesNano))},
    Row{"gpt-5-pro", secretive(o200k(400'000, 272'000, kTiles5))},
    Row{"gpt-5-chat", o200k(128'000, 16'384, kTiles5)},
    Row{"gpt-4.5", o200k(128'000, 16'384)},
    Row{"gpt-4.1", o200k(1'047'576, 32'768)},
    Row{"gpt-4.1-mini", o200k(1'047'576, 32'768, kPatchesMini)},
    Row{"gpt-4.1-nano", o200k(1'047'576, 32'768, kPatchesNano)},
    Row{"gpt-4o", o200k(128'000, 16'384)},
    Row{"gpt-4o-2024-05-13", o200k(128'000, 4'096)},
    Row{"gpt-4o-mini", o200k(128'000, 16'384, kTiles4oMini)},
    Row{"chatgpt-4o", o200k(128'000, 16'384)},
    Row{"o1", secretive(o200k(200'000, 100'000, kTilesO)), true},
    Row{"o1-mini", secretive(o200k(128'000, 65'536, kTilesO))},
    Row{"o1-preview", secretive(o200k(128'000, 32'768, kTilesO))},
    Row{"o3", secretive(o200k(200'000, 100'000, kTilesO)), true},
    Row{"o4", secretive(o200k(200'000, 100'000, kTilesO)), true},
    Row{"o4-mini", secretive(o200k(200'000, 100'000, kPatchesO4))},
    Row{"codex-mini", secretive(o200k(200'000, 100'000, kPatchesO4))},
    Row{"computer-use-preview", o200k(8'192, 1'024, {.base = 65, .tile = 129})},
    Row{"gpt-oss", o200k(131'072, 131'072)},
    Row{"gpt-", foreign(Family::kOpenAi, 1.0)},
    Row{"mock", o200k(0, 0)},

    Row{"gpt-4", cl100k(8'192, 8'192), true},
    Row{"gpt-4-32k", cl100k(32'768, 32'768)},
    Row{"gpt-4-turbo", cl100k(128'000, 4'096)},
    Row{"gpt-4-1106", cl100k(128'000, 4'096)},
    Row{"gpt-4-0125", cl100k(128'000, 4'096)},
    Row{"gpt-4-vision", cl100k(128'000, 4'096)},
    Row{"gpt-3.5", cl100k(16'385, 4'096)},
    Row{"gpt-35-turbo", cl100k(16'385, 4'096)},  // as Azure calls it
    Row{"gpt-3.5-turbo-instruct", cl100k(4'096, 4'096)},
    Row{"davinci-002", cl100k(16'384, 16'384)},
    Row{"babbage-002", cl100k(16'384, 16'384)},
    Row{"text-embedding-3", cl100k(8'192, 0)},
    Row{"text-embedding-ada-002", cl100k(8'192, 0)},
    Row{"text-davinci", p50k(4'097)},
    Row{"text-davinci-001", r50k(2'049)},
    Row{"code-", p50k(8'001)},
    Row{"code-search-", r50k(2'049)},
    Row{"text-curie", r50k(2'049)},
    Row{"text-babbage", r50k(2'049)},
    Row{"text-ada", r50k(2'049)},
    Row{"text-similarity-", r50k(2'049)},
    Row{"text-search-", r50k(2'049)},
    Row{"davinci", r50k(2'049), true},
    Row{"curie", r50k(2'049), true},
    Row{"babbage", r50k(2'049), true},
    Row{"ada", r50k(2'049), true},
    Row{"gpt2", r50k(1'024), true},
    Row{"gpt-2", r50k(1'024), true},

    Row{"claude", claude(0)},
    Row{"claude-3", claude(4'096)},
    Row{"claude-3-5", claude(8'192)},
    Row{"claude-3.5", claude(8'192)},
    Row{"claude-3-7", claude(64'000)},
    Row{"claude-3.7", claude(64'000)},
    Row{"claude-sonnet-4", claude(64'000)},
    Row{"claude-opus-4", claude(32'000)},
    Row{"claude-opus-4-5", claude(64'000)},
    Row{"claude-opus-4-6", claude(128'000)},
    Row{"claude-haiku-4", claude(64'000)},
    Row{"gemini", gemini(0, 0)},
    Row{"gemini-1.5-flash", gemini(1'048'576, 8'192)},
    Row{"gemini-1.5-pro", gemini(2'097'152, 8'192)},
    Row{"gemini-2.0", gemini(1'048'576, 8'192)},
    Row{"gemini-2.5", secretive(gemini(1'048'576, 65'536))},
    Row{"gemini-3", secretive(gemini(1'048'576, 65'536))},
    Row{"gemma", other(1.05)},
    Row{"glm", other(1.05)},
    Row{"glm-4.5", other(1.05, 131'072, 98'304)},
    Row{"glm-4.6", other(1.05, 204'800, 131'072)},
    Row{"llama", other(1.05)},
    Row{"llama-3.1", other(1.05, 131'072)},
    Row{"llama-3.2", other(1.05, 131'072)},
    Row{"llama-3.3", other(1.05, 131'072)},
    Row{"llama3", other(1.05)},
    Row{"meta-llama", other(1.05)},
    Row{"qwen", other(1.05)},
    Row{"qwq", other(1.05)},
    Row{"deepseek", other(1.05)},
    Row{"deepseek-chat", other(1.05, 131'072, 8'192)},
    Row{"deepseek-reasoner", other(1.05, 131'072, 65'536)},
    Row{"mistral", other(1.15)},
    Row{"mixtral", other(1.15)},
    Row{"ministral", other(1.15)},
    Row{"magistral", other(1.15)},
    Row{"codestral", other(1.15)},
    Row{"devstral", other(1.15)},
    Row{"pixtral", other(1.15)},
    Row{"kimi", other(1.05)},
    Row{"grok", other(1.05)},
    Row{"command-", other(1.1)},
};

bool is_word(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }

const Row* find(std::string_view name) {
  if (name.empty()) return nullptr;
  const Row* best = nullptr;
  const char first = to_lower(name.front());
  for (const Row& row : kRows) {
    if (row.name.front() != first) continue;
    if (best != nullptr && row.name.size() <= best->name.size()) continue;
    if (!istarts_with(name, row.name)) continue;
    const bool goes_on = name.size() > row.name.size() && is_word(name[row.name.size()]);
    if (row.whole && goes_on) continue;
    best = &row;
  }
  return best;
}

}  // namespace

ModelFacts facts_of(std::string_view model) {
  // "openai/gpt-4o", "publishers/google/models/gemini-2.5-pro"; then "ft:gpt-4o-mini:mine::id",
  // "us.anthropic.claude-sonnet-4-v1:0".
  model.remove_prefix(model.rfind('/') + 1);
  for (;;) {
    if (const Row* row = find(model)) return row->facts;
    const size_t next = model.find_first_of(":.");
    if (next == std::string_view::npos) return {};
    model.remove_prefix(next + 1);
  }
}

}  // namespace sluice::tokens
