#include "crypto/digest.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/responses/reasoning_token.hpp"
#include "dialect/responses/response.hpp"
#include "dialect/responses/responses_response.hpp"
#include "dialect/responses/usage.hpp"

namespace sluice::dialect::responses {
namespace {

using chat::Answer;
using chat::as_text;
using chat::Block;
using chat::BlockKind;
using json::Kind;
using json::Value;

/// Reads the items of an output; those that other dialects do not have are passed over.
class OutputReader {
 public:
  OutputReader(Answer& answer, const chat::AnswerPlan& plan) : answer_(answer), plan_(plan) {}

  void read(Value output) {
    json::Elements items(output);
    size_t index = 0;
    for (Value item; items.next(item) && index < chat::kMaxMessages; ++index) {
      const json::String type = as_text(item["type"]);
      if (type == "message") {
        read_message(item);
      } else if (type == "reasoning") {
        read_reasoning(item);
      } else if (type == "function_call") {
        read_call(item, index);
      }
    }
  }

 private:
  void add_text(json::String text) {
    if (!text.empty()) answer_.blocks.emplace_back().text = text;
  }

  void read_message(Value item) {
    json::Elements parts(item["content"]);
    for (Value part; parts.next(part) && answer_.blocks.size() < chat::kMaxBlocks;) {
      if (as_text(part["type"]) == "refusal") {
        add_text(as_text(part["refusal"]));
        answer_.stop.reason = FinishReason::kContentFilter;
        continue;
      }
      add_text(as_text(part["text"]));
      json::Elements annotations(part["annotations"]);
      for (Value annotation; annotations.next(annotation);) {
        if (as_text(annotation["type"]) == "url_citation") {
          answer_.annotations.push_back(
              {.url = as_text(annotation["url"]), .title = as_text(annotation["title"])});
        } else {
          chat::note(answer_.dropped, "annotations");
        }
      }
    }
  }

  void read_reasoning(Value item) {
    chat::Joined joined("\\n\\n");
    for (const std::string_view name : {"summary", "content"}) {
      json::Elements parts(item[name]);
      for (Value part; parts.next(part);) {
        if (const json::String text = as_text(part["text"]); !text.empty()) joined.add(text);
      }
    }
    const json::String encrypted = as_text(item["encrypted_content"]);
    const std::string signature = mint_reasoning(as_text(item["id"]), encrypted, plan_.provider,
                                                 plan_.signature_key.expose());
    if (!joined.any() && (encrypted.empty() || signature.empty())) return;
    Block& block = answer_.blocks.emplace_back();
    block.kind = BlockKind::kThinking;
    if (joined.any()) block.text = joined.keep(answer_.arena);
    block.signature = answer_.arena.text(signature);
  }

  void read_call(Value item, size_t index) {
    const json::String name = as_text(item["name"]);
    if (name.empty()) return;
    Block& block = answer_.blocks.emplace_back();
    block.kind = BlockKind::kToolUse;
    block.name = name;
    block.id = as_text(item["call_id"]);
    if (block.id.empty()) {
      block.id = answer_.arena.text(
          "toolu_gw" + crypto::short_hash(answer_.id.str() + '/' + std::to_string(index)));
    }
    const json::String text = as_text(item["arguments"]);
    const bool may_be_cut = answer_.stop.reason == FinishReason::kLength;
    answer_.cut = may_be_cut && !chat::is_blank(text) && !json::valid(text.str());
    block.input = chat::arguments_of(text, may_be_cut, answer_.arena, answer_.dropped);
  }

  Answer& answer_;
  const chat::AnswerPlan& plan_;
};

}  // namespace

Result<Answer> parse_responses_response(std::string_view body, const chat::AnswerPlan& plan) {
  Answer answer;
  if (!json::valid_utf8(body)) body = answer.arena.value(chat::mend_utf8(body)).raw();
  Value output;
  json::Members members(body);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "id") {
      answer.id = as_text(member.value);
    } else if (member.key == "model") {
      answer.model = as_text(member.value);
    } else if (member.key == "output") {
      output = member.value;
    } else if (member.key == "usage") {
      answer.usage.reported = read_usage(member.value, answer.usage) && answer.usage.input_known;
    } else if (member.key == "service_tier") {
      answer.service_tier = as_text(member.value);
    }
  }
  if (!members.complete() || output.kind() != Kind::kArray) {
    return fail(ErrorCode::kUpstreamError, {});
  }
  answer.stop.reason = finish_of(Value(body));
  OutputReader(answer, plan).read(output);
  if (answer.stop.reason == FinishReason::kNone) return fail(ErrorCode::kUpstreamError, {});
  return answer;
}

}  // namespace sluice::dialect::responses
