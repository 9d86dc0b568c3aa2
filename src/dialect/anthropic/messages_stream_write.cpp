#include "dialect/anthropic/messages_stream_write.hpp"

#include <charconv>

#include "dialect/chat/finish.hpp"
#include "dialect/chat/signature.hpp"
#include "dialect/errors.hpp"

namespace sluice::dialect::anthropic {
namespace {

using chat::BlockKind;
using chat::Event;
using json::String;

constexpr size_t kMaxId = 256;
constexpr std::string_view kEnd = "}\n\n";

void append_number(std::string& out, uint32_t number) {
  char digits[10];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

}  // namespace

void MessagesStreamWriter::take(const Event& event) {
  switch (event.kind) {
    case Event::Kind::kStart:
      return write_start(event);
    case Event::Kind::kBlockStart:
      return begin_block(event);
    case Event::Kind::kDelta:
      begin_delta();
      out() += event.block_kind == BlockKind::kToolUse    ? R"("input_json_delta","partial_json":)"
               : event.block_kind == BlockKind::kThinking ? R"("thinking_delta","thinking":)"
                                                          : R"("text_delta","text":)";
      chat::append_text(out(), event.text);
      out() += "}}\n\n";
      return;
    case Event::Kind::kSignature:
      signed_ = true;
      begin_delta();
      out() += R"("signature_delta","signature":)";
      chat::append_text(out(), event.text);
      out() += "}}\n\n";
      return;
    case Event::Kind::kAnnotation:
      return;
    case Event::Kind::kBlockStop:
      if (event.block_kind == BlockKind::kThinking && !signed_ && !plan_.signature_key.empty()) {
        begin_delta();
        out() += R"("signature_delta","signature":)";
        chat::append_text(out(), chat::literal(chat::mint_signature(plan_.provider, {},
                                                                    plan_.signature_key.expose())));
        out() += "}}\n\n";
      }
      out() += "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":";
      append_number(out(), blocks_ - 1);
      out() += kEnd;
      return;
  }
}

void MessagesStreamWriter::write_start(const Event& event) {
  started_ = true;
  out() += "event: message_start\ndata: ";
  json::Writer json(out());
  json.begin_object().member("type", "message_start").key("message").begin_object();
  chat::Arena arena;
  const String id = event.id.empty() ? arena.text(request_id()) : event.id;
  json.key("id");
  chat::write_text(json, chat::answer_id(id, "msg_", arena));
  json.member("type", "message").member("role", "assistant");
  if (plan_.model.empty()) {
    json.member("model", event.name.bytes);
  } else {
    json.member("model", plan_.model);
  }
  json.key("content").begin_array().end_array();
  json.null_member("stop_reason").null_member("stop_sequence").null_member("stop_details");
  json.null_member("container").null_member("diagnostics").key("usage");
  chat::write_anthropic_usage(json, usage(), {});
  json.end_object().end_object();
  out() += "\n\n";
}

void MessagesStreamWriter::begin_block(const Event& event) {
  signed_ = false;
  out() += "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":";
  append_number(out(), blocks_++);
  switch (event.block_kind) {
    case BlockKind::kThinking:
      out() += R"(,"content_block":{"type":"thinking","thinking":"","signature":""}})";
      break;
    case BlockKind::kToolUse: {
      any_call_ = true;
      out() += R"(,"content_block":{"type":"tool_use","id":)";
      chat::Arena arena;
      chat::append_text(out(), chat::clean_id(event.id, kMaxId, arena));
      out() += R"(,"name":)";
      chat::append_text(out(), plan_.tool_names.restore(event.name));
      out() += R"(,"input":{}}})";
      break;
    }
    default:
      out() += R"(,"content_block":{"type":"text","text":""}})";
  }
  out() += "\n\n";
}

void MessagesStreamWriter::begin_delta() {
  out() += "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":";
  append_number(out(), blocks_ - 1);
  out() += R"(,"delta":{"type":)";
}

std::string_view MessagesStreamWriter::keep_alive() const {
  return "event: ping\ndata: {\"type\":\"ping\"}\n\n";
}

void MessagesStreamWriter::finish(const chat::StreamEnd& end, const Usage& usage) {
  if (!started_) return;
  const chat::Stop& stop = end.stop;
  const std::string_view reason = chat::anthropic_stop(stop.reason, any_call_, end.cut);
  if (blocks_ == 0 && reason == "end_turn") {
    // Clients take the last block of an answer for granted.
    take({.kind = Event::Kind::kBlockStart, .id = {}, .name = {}, .text = {}});
    take({.kind = Event::Kind::kBlockStop, .id = {}, .name = {}, .text = {}});
  }
  out() += "event: message_delta\ndata: ";
  json::Writer json(out());
  json.begin_object().member("type", "message_delta").key("delta").begin_object();
  json.member("stop_reason", reason).key("stop_sequence");
  if (reason == "stop_sequence" && !stop.sequence.empty()) {
    chat::write_text(json, stop.sequence);
  } else {
    json.null();
  }
  if (reason == "refusal") {
    json.key("stop_details").begin_object().member("type", "refusal");
    json.null_member("category").null_member("explanation").end_object();
  }
  json.end_object().key("usage");
  chat::write_anthropic_usage(json, usage, chat::literal(end.service_tier));
  json.end_object();
  out() += "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
}

void MessagesStreamWriter::fail(const Error& error) {
  out() += render_stream_error(Dialect::kAnthropic, error, request_id());
}

}  // namespace sluice::dialect::anthropic
