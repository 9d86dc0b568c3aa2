#include "dialect/anthropic/turn_keeper.hpp"

#include <algorithm>
#include <utility>

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

bool is_object(std::string_view text) {
  return Value(text).kind() == Kind::kObject && json::valid(text);
}

}  // namespace

void TurnKeeper::take(const EventParts& parts, std::span<const OutputText> texts) {
  if (too_long_) return;
  if (parts.type == "content_block_delta") {
    for (const OutputText& text : texts) add(text);
    if (!parts.signature.empty()) behind().signature += parts.signature.bytes;
    if (parts.citation.kind() == Kind::kObject) {
      std::string& citations = behind().citations;
      if (!citations.empty()) citations += ',';
      citations += parts.citation.raw();
    }
  } else if (parts.type == "content_block_start") {
    begin(parts.block);
  } else if (parts.type == "content_block_stop") {
    close();
  }
  if (size() + (behind_ ? behind_->size() : 0) < kMost) return;
  too_long_ = true;
  std::vector<std::string>().swap(full_);
  std::string().swap(last_);
  full_size_ = 0;
  behind_.reset();
}

void TurnKeeper::begin(Value block) {
  close();
  if (block.kind() != Kind::kObject) return;
  start_ = size();
  if (start_ > 0) append(",");
  const std::string_view type = inside(block["type"]);
  if (type == "text") {
    open_ = Open::kText;
    append(R"({"type":"text","text":")");
    append(inside(block["text"]));
    any_ = !block["text"].is_empty();
  } else if (type == "thinking") {
    open_ = Open::kThinking;
    append(R"({"type":"thinking","thinking":")");
    append(inside(block["thinking"]));
    behind().signature = inside(block["signature"]);
    any_ = true;
  } else if (const Value input = block["input"]; input.kind() == Kind::kObject) {
    open_ = Open::kInput;
    append("{");
    json::Members members(block);
    for (json::Member member; members.next(member);) {
      if (member.key == "input") continue;
      for (const std::string_view each : {std::string_view("\""), member.key.bytes,
                                          std::string_view("\":"), member.value.raw()}) {
        append(each);
      }
      append(",");
    }
    append(R"("input":)");
    // What is told at once, for upstreams that stream no arguments.
    if (!input.is_empty()) behind().input = input.raw();
    any_ = true;
  } else {
    append(block.raw());
  }
}

void TurnKeeper::add(const OutputText& text) {
  using Text = OutputText::Kind;
  const bool fits = (open_ == Open::kText && text.kind == Text::kContent) ||
                    (open_ == Open::kThinking && text.kind == Text::kReasoning);
  if (fits) {
    append(text.text.bytes);
    any_ = true;
  } else if (open_ == Open::kInput && text.kind == Text::kToolArguments) {
    text.text.append_to(behind().input);
  }
}

void TurnKeeper::close() {
  switch (open_) {
    case Open::kNone:
      return;
    case Open::kText:
      append("\"");
      if (behind_ && !behind_->citations.empty()) {
        append(",\"citations\":[");
        append(behind_->citations);
        append("]");
      }
      append("}");
      break;
    case Open::kThinking:
      append(R"(","signature":")");
      append(behind().signature);
      append("\"}");
      break;
    case Open::kInput:
      append(is_object(behind().input) ? std::string_view(behind().input) : "{}");
      append("}");
      break;
  }
  // A text that says nothing is refused.
  if (!any_) {
    join();
    last_.resize(start_);
  }
  open_ = Open::kNone;
  behind_.reset();
}

std::string_view TurnKeeper::blocks() {
  if (too_long_) return {};
  close();
  join();
  return last_;
}

void TurnKeeper::append(std::string_view bytes) {
  if (last_.size() + bytes.size() > last_.capacity()) {
    const size_t room = std::max({kFirstRoom, bytes.size(), std::min(size(), kRoom), size() / 4});
    if (!last_.empty()) {
      full_size_ += last_.size();
      full_.push_back(std::move(last_));
    }
    last_ = {};
    last_.reserve(room);
  }
  last_ += bytes;
}

void TurnKeeper::join() {
  if (full_.empty()) return;
  std::string all;
  all.reserve(size());
  for (const std::string& each : full_) all += each;
  all += last_;
  last_ = std::move(all);
  std::vector<std::string>().swap(full_);
  full_size_ = 0;
}

}  // namespace sluice::dialect::anthropic
