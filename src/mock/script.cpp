#include "mock/script.hpp"

#include <fmt/format.h>

#include <limits>
#include <string>

#include "base/text.hpp"

namespace sluice::mock {

namespace {

constexpr uint64_t kMostWords = 200'000;  // of a whole answer

struct Part {
  char letter;
  bool numbered;
  uint64_t least;
  uint64_t most;
  std::string_view meaning;
};

constexpr Part kParts[] = {
    {'c', true, 0, 100'000, "text events; 20 without it"},
    {'b', true, 1, 1'000, "words in each"},
    {'i', true, 0, 3'600'000, "milliseconds between two events"},
    {'f', true, 0, 3'600'000, "milliseconds before the first"},
    {'e', true, 400, 599, "answers with this error"},
    {'r', true, 0, 86'400, "seconds to wait, told with an error"},
    {'x', true, 0, 1'000'000, "resets the connection after so many events"},
    {'s', true, 0, 1'000'000, "goes silent after so many events"},
    {'m', true, 1, 1'000'000, "this event is malformed JSON"},
    {'q', true, 0, 1'000'000, "a stream ends with an error event after so many events"},
    {'n', true, 1, 1'000'000, "only the first so many attempts fail"},
    {'d', true, 0, 0, "no terminal event"},
    {'u', true, 0, 0, "no usage"},
    {'w', false, 0, 0, "no finish reason"},
    {'t', false, 0, 0, "two parallel tool calls"},
    {'o', false, 0, 0, "the pieces of both calls alternate"},
    {'k', false, 0, 0, "thinking before the rest"},
    {'y', false, 0, 0, "thinking is in \"reasoning\" (chat)"},
    {'j', false, 0, 0, "the text is JSON in a code fence"},
    {'g', true, 0, 1, "0 refuses, 1 filters what comes after the text"},
    {'p', true, 1, 10, "the turn pauses so often (Anthropic)"},
    {'h', true, 0, 1'000'000'000, "so many tokens of the prompt were in a cache"},
    {'l', true, 1, 1'000'000'000, "so many tokens fit into the context"},
    {'v', false, 0, 0, "checks what is played back"},
    {'a', true, 1, kMostOddity, "an odd shape: see docs/mock.md"},
    {'z', true, 1, 1 << 20, "splits the body at every so many bytes"},
};

void apply(Script& script, char letter, uint32_t value) {
  switch (letter) {
    case 'c':
      script.events = value;
      script.events_given = true;
      break;
    case 'i':
      script.interval_ms = value;
      break;
    case 'b':
      script.words = value;
      break;
    case 'f':
      script.first_ms = value;
      break;
    case 'e':
      script.error_status = static_cast<uint16_t>(value);
      break;
    case 'r':
      script.retry_after = value;
      break;
    case 'x':
      script.reset_after = value;
      break;
    case 's':
      script.silent_after = value;
      break;
    case 'm':
      script.malformed_event = value;
      break;
    case 'd':
      script.terminal = false;
      break;
    case 'u':
      script.usage = false;
      break;
    case 't':
      script.tools = true;
      break;
    case 'k':
      script.thinking = true;
      break;
    case 'z':
      script.split = value;
      break;
    case 'n':
      script.failing_attempts = value;
      break;
    case 'l':
      script.context = value;
      break;
    case 'h':
      script.cached = value;
      break;
    case 'q':
      script.error_after = value;
      break;
    case 'p':
      script.pauses = value;
      break;
    case 'g':
      (value == 0 ? script.refuses : script.filtered) = true;
      break;
    case 'j':
      script.fenced_json = true;
      break;
    case 'o':
      script.interleaved = true;
      break;
    case 'v':
      script.strict_history = true;
      break;
    case 'w':
      script.finish = false;
      break;
    case 'y':
      script.other_reasoning = true;
      break;
    case 'a':
      script.oddity = static_cast<Oddity>(value);
      break;
    default:
      break;  // the table above has no other letter
  }
}

std::unexpected<Error> refuse(std::string_view model, std::string reason) {
  return fail(ErrorCode::kInvalidRequest,
              fmt::format("scripted model name \"{}\": {}", model, reason), "model");
}

/// What is wrong with one part; empty when it was applied.
std::string read_part(Script& script, std::string_view text, std::string& seen) {
  if (text.empty()) return "an empty part";
  const Part* part = nullptr;
  for (const Part& each : kParts) {
    if (each.letter == text[0]) part = &each;
  }
  const std::string_view digits = text.substr(1);
  const auto value = parse_u64(digits);
  if (part == nullptr || (part->numbered ? !value.has_value() : !digits.empty())) {
    return fmt::format("unknown part \"{}\"", text);
  }
  if (seen.find(part->letter) != std::string::npos) {
    return fmt::format("part \"{}\" is given twice", part->letter);
  }
  seen += part->letter;
  if (part->numbered && (*value < part->least || *value > part->most)) {
    return fmt::format("part \"{}\": {} to {} is possible", text, part->least, part->most);
  }
  apply(script, part->letter, static_cast<uint32_t>(value.value_or(0)));
  return {};
}

}  // namespace

Script Script::for_attempt(uint64_t attempt) const {
  Script now = *this;
  if (failing_attempts == 0) return now;
  if (attempt > failing_attempts) {
    now.error_status = 0;
    now.reset_after.reset();
    now.silent_after.reset();
    now.malformed_event = 0;
    now.error_after.reset();
    now.terminal = true;
    now.finish = true;
  } else if (error_status == 0 && !reset_after && !silent_after && !error_after &&
             malformed_event == 0 && terminal && finish) {
    now.error_status = 500;
  }
  return now;
}

Result<Script> parse_script(std::string_view model) {
  Script script;
  if (!model.starts_with("mock")) {
    script.events = 24;
    script.interval_ms = 20;
    return script;
  }
  script.scripted = true;
  std::string_view rest = model.substr(4);
  if (!rest.empty() && rest[0] != '-') return refuse(model, "a \"-\" must follow \"mock\"");
  std::string seen;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view text = rest.substr(0, rest.find('-'));
    if (std::string wrong = read_part(script, text, seen); !wrong.empty()) {
      return refuse(model, std::move(wrong));
    }
    rest.remove_prefix(text.size());
  }
  if (script.retry_after && script.error_status == 0 && script.failing_attempts == 0) {
    return refuse(model, "part \"r\" needs an error, \"e\" or \"n\"");
  }
  if (uint64_t{script.events} * script.words > kMostWords) {
    return refuse(model, fmt::format("more than {} words", kMostWords));
  }
  return script;
}

std::string script_help() {
  std::string help =
      "A model named \"mock\" and parts, each behind a \"-\", is a script: mock-c20-i10.\n";
  for (const Part& part : kParts) {
    std::string how(1, part.letter);
    if (part.numbered) how += part.most == 0 ? "0" : "<n>";
    help += fmt::format("  {:<6}{}\n", how, part.meaning);
  }
  return help;
}

}  // namespace sluice::mock
