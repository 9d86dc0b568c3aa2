// Every conversion in testdata/, as its file says. SLUICE_UPDATE=1 writes the files anew.
//
//   "convert": "request"  `in` is a client's body of the dialect `from`, written for an upstream
//                         of the dialect `to`
//   "convert": "answer"   `in` is an upstream's body of the dialect `from`, written for a client
//                         of the dialect `client`; `request` is what that client had asked
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "dialect/chat/conversion_testing.hpp"
#include "dialect/chat/conversions.hpp"
#include "dialect/chat/efforts.hpp"
#include "dialect/chat/texts.hpp"

namespace sluice::dialect::chat {
namespace {

using json::Value;
using json::Writer;
namespace fs = std::filesystem;

constexpr size_t kWidth = 100;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A value over several lines where it does not fit on one.
void append_pretty(std::string& out, Value value, size_t indent, size_t used) {
  std::string compact;
  append_compact(compact, value.raw());
  const bool object = value.kind() == json::Kind::kObject;
  const bool nested = object || value.kind() == json::Kind::kArray;
  if (!nested || value.is_empty() || used + compact.size() <= kWidth) {
    out += compact;
    return;
  }
  out += object ? '{' : '[';
  bool first = true;
  const auto begin_line = [&] {
    out += first ? "\n" : ",\n";
    out.append(indent + 2, ' ');
    first = false;
  };
  if (object) {
    json::Members members(value);
    json::Member member;
    while (members.next(member)) {
      begin_line();
      const size_t start = out.size();
      append_text(out, member.key);
      out += ": ";
      append_pretty(out, member.value, indent + 2, indent + 3 + out.size() - start);
    }
  } else {
    json::Elements elements(value);
    Value element;
    while (elements.next(element)) {
      begin_line();
      append_pretty(out, element, indent + 2, indent + 3);
    }
  }
  out += '\n';
  out.append(indent, ' ');
  out += object ? '}' : ']';
}

std::string pretty(std::string_view json) {
  std::string out;
  append_pretty(out, Value(json), 0, 0);
  return out + '\n';
}

config::ProviderType provider_of(std::string_view name) {
  if (name == "anthropic") return config::ProviderType::kAnthropic;
  if (name == "openai") return config::ProviderType::kOpenAi;
  if (name == "gemini") return config::ProviderType::kGemini;
  if (name == "zai") return config::ProviderType::kZai;
  return config::ProviderType::kOpenAiCompatible;
}

std::string provider_type_of(Dialect dialect) {
  return dialect == Dialect::kResponses ? "openai" : std::string(to_string(dialect));
}

struct Given {
  std::string model;
  std::string provider;
  std::string key;
  Capabilities capabilities;

  Given(Value target, Endpoint to) {
    model = target["model"].as_string().value_or("m");
    provider = target["provider"].as_string().value_or("up");
    key = target["signature_key"].as_string().value_or("");
    const std::string type =
        target["provider_type"].as_string().value_or(provider_type_of(dialect_of(to)));
    capabilities = capabilities_of(provider_of(type), model);
    if (target["capabilities"].exists()) {
      const Status applied = apply_overrides(capabilities, target["capabilities"]);
      EXPECT_TRUE(applied.has_value());
    }
  }

  Target target(Value options) const {
    Target target{.model = model, .provider = provider, .capabilities = capabilities};
    if (options["mode"].as_string() == "strict") target.mode = Mode::kStrict;
    target.auto_cache = options["auto_cache"].as_bool().value_or(false)
                            ? AutoCache::kToolsOrMultiturn
                            : AutoCache::kOff;
    target.repair_tools = options["repair_tools"].as_bool().value_or(false);
    target.prefer_forced_tool = options["prefer_forced_tool"].as_bool().value_or(false);
    target.expose_reasoning = options["expose_reasoning"].as_bool().value_or(true);
    target.output_limit = options["output_limit"].as_int();
    target.signature_key = key;
    return target;
  }
};

Result<Outgoing> convert_request(Value body, Value options, Endpoint from, Endpoint to,
                                 const Given& given) {
  auto request = parse_request(from, body.raw());
  if (!request) return std::unexpected(request.error());
  auto outgoing = write_request(to, *request, given.target(options));
  if (outgoing) outgoing->plan.echo = request->echo;
  return outgoing;
}

void write_error(Writer& out, const Error& error) {
  out.key("error").begin_object().member("param", error.param).member("message", error.message);
  out.end_object();
}

void write_dropped(Writer& out, const std::vector<std::string>& dropped) {
  if (dropped.empty()) return;
  out.key("dropped").begin_array();
  for (const std::string& name : dropped) out.string(name);
  out.end_array();
}

void run_request(Writer& out, Value test) {
  const Endpoint from = testing::endpoint_named(test["from"]);
  const Value named = test["to"].exists() ? test["to"] : test["target"]["to"];
  const Endpoint to = testing::endpoint_named(named, testing::counterpart(from));
  const Given given(test["target"], to);
  const auto outgoing = convert_request(test["in"], test["target"], from, to, given);
  if (!outgoing) return write_error(out, outgoing.error());
  EXPECT_TRUE(json::valid(outgoing->body)) << outgoing->body;
  write_dropped(out, outgoing->dropped);
  if (to == Endpoint::kChatCompletions &&
      needs_responses(*parse_request(from, test["in"].raw()), given.capabilities)) {
    out.member("needs_responses", true);
  }
  if (outgoing->empty_answer) out.member("empty_answer", true);
  if (!outgoing->plan.stop_scan.empty()) {
    out.key("stop_scan").begin_array();
    for (const std::string& stop : outgoing->plan.stop_scan) out.string(stop);
    out.end_array();
  }
  out.raw_member("body", outgoing->body);
}

void run_answer(Writer& out, Value test) {
  const Endpoint upstream = testing::endpoint_named(test["from"]);
  const Endpoint client = testing::endpoint_named(test["client"], testing::counterpart(upstream));
  AnswerPlan plan;
  if (test["request"].exists()) {
    const Given given(test["target"], upstream);
    auto outgoing = convert_request(test["request"], test["target"], client, upstream, given);
    if (!outgoing) return write_error(out, outgoing.error());
    plan = std::move(outgoing->plan);
  }
  plan.created = 1'700'000'000;
  auto answer = parse_answer(upstream, test["in"].raw(), plan);
  if (!answer) return write_error(out, answer.error());
  const std::string body = write_answer(client, *answer, plan);
  EXPECT_TRUE(json::valid(body)) << body;
  write_dropped(out, answer->dropped);
  out.raw_member("body", body);
}

/// The case with its result in place of what the file says.
std::string run_case(Value test) {
  std::string text;
  Writer out(text);
  out.begin_object();
  json::Members members(test);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "out") continue;
    out.key(member.key.str());
    write_compact(out, member.value);
  }
  out.key("out").begin_object();
  if (test["convert"].as_string() == "answer") {
    run_answer(out, test);
  } else {
    run_request(out, test);
  }
  out.end_object().end_object();
  return text;
}

std::string run_file(Value cases) {
  std::string text;
  Writer out(text);
  out.begin_array();
  json::Elements elements(cases);
  Value test;
  while (elements.next(test)) out.raw(run_case(test));
  out.end_array();
  return pretty(text);
}

/// Where the two part, with some of what stands before.
std::string first_difference(std::string_view actual, std::string_view expected) {
  constexpr size_t kBefore = 300;
  constexpr size_t kAfter = 200;
  const auto differing = std::ranges::mismatch(actual, expected);
  const auto at = static_cast<size_t>(differing.in1 - actual.begin());
  const size_t begin = at - std::min(at, kBefore);
  std::string text = "after\n";
  text += actual.substr(begin, at - begin);
  text += "\ncomes\n";
  text += actual.substr(at, kAfter);
  text += "\nin place of\n";
  text += expected.substr(at, kAfter);
  return text;
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  const fs::path folder = fs::path(__FILE__).parent_path() / "testdata";
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class Conversion : public ::testing::TestWithParam<std::string> {};

TEST_P(Conversion, IsAsWrittenDown) {
  const fs::path path = fs::path(__FILE__).parent_path() / "testdata" / (GetParam() + ".json");
  const std::string expected = read_file(path);
  ASSERT_TRUE(json::valid(expected)) << path;
  const std::string_view trimmed(expected.data(), expected.find_last_not_of(" \n") + 1);
  const std::string actual = run_file(Value(trimmed));
  if (std::getenv("SLUICE_UPDATE") != nullptr) {
    std::ofstream(path, std::ios::binary) << actual;
    return;
  }
  EXPECT_TRUE(actual == expected) << first_difference(actual, expected)
                                  << "\nSLUICE_UPDATE=1 writes " << path << " anew";
}

INSTANTIATE_TEST_SUITE_P(Vectors, Conversion, ::testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace sluice::dialect::chat
