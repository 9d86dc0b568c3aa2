#include "relay/continuation.hpp"

#include <utility>

#include "json/slices.hpp"

namespace sluice::relay {

void Continuation::keep(std::string_view body) {
  // A body that goes on is the first one with more behind its messages.
  if (!body_.empty() || asked_ > 0) return;
  if (kept_ + body.size() > kRoom) return;
  json::Members members(body);
  for (json::Member member; members.next(member);) {
    if (!(member.key == "messages") || member.value.kind() != json::Kind::kArray) continue;
    messages_end_ = member.value_offset + member.value.raw().size() - 1;
  }
  if (messages_end_ == 0) return;
  body_ = body;
  kept_ += body_.size();
}

void Continuation::forget() {
  kept_ -= body_.size();
  std::string().swap(body_);
}

std::string Continuation::next(std::string_view blocks) {
  if (!possible() || blocks.empty()) return {};
  ++asked_;
  constexpr std::string_view kBefore = R"(,{"role":"assistant","content":[)";
  constexpr std::string_view kBehind = "]}";
  std::string next;
  next.reserve(body_.size() + kBefore.size() + blocks.size() + kBehind.size());
  next.append(body_, 0, messages_end_).append(kBefore).append(blocks).append(kBehind);
  next.append(body_, messages_end_);
  return next;
}

}  // namespace sluice::relay
