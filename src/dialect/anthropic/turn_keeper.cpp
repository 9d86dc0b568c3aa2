#include "dialect/anthropic/turn_keeper.hpp"

#include "json/slices.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::anthropic {
namespace {

using json::Kind;
using json::Value;

/// The text of a string as it stands in JSON, without its quotes.
std::string_view inside(Value text) {
  const std::string_view raw = text.raw();
  return text.kind() == Kind::kString && raw.size() >= 2 ? raw.substr(1, raw.size() - 2)
                                                         : std::string_view{};
}

}  // namespace

void TurnKeeper::take(const EventParts& parts, std::span<const OutputText> texts) {
  if (too_long_) return;
  if (parts.type == "content_block_delta") {
    for (const OutputText& text : texts) add(text);
    if (!parts.signature.empty()) signature_ += parts.signature.bytes;
    if (parts.citation.kind() == Kind::kObject) {
      if (!citations_.empty()) citations_ += ',';
      citations_ += parts.citation.raw();
    }
  } else if (parts.type == "content_block_start") {
    begin(parts.block);
  } else if (parts.type == "content_block_stop") {
    close();
  }
  if (blocks_.size() + input_.size() + signature_.size() + citations_.size() < kMost) return;
  too_long_ = true;
  for (std::string* each : {&blocks_, &input_, &signature_, &citations_}) std::string().swap(*each);
}

void TurnKeeper::begin(Value block) {
  close();
  if (block.kind() != Kind::kObject) return;
  start_ = blocks_.size();
  if (!blocks_.empty()) blocks_ += ',';
  const std::string_view type = inside(block["type"]);
  if (type == "text") {
    open_ = Open::kText;
    blocks_ += R"({"type":"text","text":")";
    blocks_ += inside(block["text"]);
    any_ = !block["text"].is_empty();
  } else if (type == "thinking") {
    open_ = Open::kThinking;
    blocks_ += R"({"type":"thinking","thinking":")";
    blocks_ += inside(block["thinking"]);
    signature_ = inside(block["signature"]);
    any_ = true;
  } else if (const Value input = block["input"]; input.kind() == Kind::kObject) {
    open_ = Open::kInput;
    blocks_ += '{';
    json::Members members(block);
    for (json::Member member; members.next(member);) {
      if (member.key == "input") continue;
      blocks_.append(1, '"').append(member.key.bytes).append("\":").append(member.value.raw());
      blocks_ += ',';
    }
    blocks_ += R"("input":)";
    // What is told at once, for upstreams that stream no arguments.
    if (!input.is_empty()) input_ = input.raw();
    any_ = true;
  } else {
    blocks_ += block.raw();
  }
}

void TurnKeeper::add(const OutputText& text) {
  using Text = OutputText::Kind;
  const bool fits = (open_ == Open::kText && text.kind == Text::kContent) ||
                    (open_ == Open::kThinking && text.kind == Text::kReasoning);
  if (fits) {
    blocks_ += text.text.bytes;
    any_ = true;
  } else if (open_ == Open::kInput && text.kind == Text::kToolArguments) {
    text.text.append_to(input_);
  }
}

void TurnKeeper::close() {
  switch (open_) {
    case Open::kNone:
      return;
    case Open::kText:
      blocks_ += '"';
      if (!citations_.empty()) blocks_.append(",\"citations\":[").append(citations_).append("]");
      blocks_ += '}';
      break;
    case Open::kThinking:
      blocks_.append(R"(","signature":")").append(signature_).append("\"}");
      break;
    case Open::kInput:
      blocks_ += json::Value(input_).kind() == Kind::kObject && json::valid(input_) ? input_ : "{}";
      blocks_ += '}';
      break;
  }
  // A text that says nothing is refused.
  if (!any_) blocks_.resize(start_);
  open_ = Open::kNone;
  input_.clear();
  signature_.clear();
  citations_.clear();
}

std::string_view TurnKeeper::blocks() {
  close();
  return blocks_;
}

}  // namespace sluice::dialect::anthropic
