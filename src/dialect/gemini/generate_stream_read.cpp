#include "dialect/gemini/generate_stream_read.hpp"

#include "crypto/digest.hpp"
#include "dialect/chat/signature.hpp"
#include "dialect/chat/texts.hpp"

namespace sluice::dialect::gemini {
namespace {

using chat::BlockKind;
using chat::Event;
using chat::EventSink;
using json::String;
using json::Value;

String slice(const std::string& bytes) { return {.bytes = bytes, .escaped = bytes.contains('\\')}; }

void send(EventSink& sink, Event::Kind kind, BlockKind block_kind, String text = {}) {
  sink.take({.kind = kind, .block_kind = block_kind, .id = {}, .name = {}, .text = text});
}

}  // namespace

void GenerateStreamReader::read(const chat::StreamPiece& event, EventSink& sink) {
  Chunk chunk;
  if (!read_chunk(event.parts.event.raw(), chunk)) return;
  if (!started_) {
    started_ = true;
    id_ = chunk.id.bytes;
    sink.take({.kind = Event::Kind::kStart,
               .block_kind = BlockKind::kText,
               .id = chunk.id,
               .name = {.bytes = event.model, .escaped = false},
               .text = {}});
  }
  json::Elements elements(chunk.parts);
  Value element;
  while (elements.next(element)) read_part(gemini::read_part(element), sink);
  read_grounding(chunk.grounding, sink);
  if (finish_of(chunk) == FinishReason::kContentFilter) {
    stop_text_ = chunk.finish.empty() ? chunk.block_message.bytes : chunk.finish_message.bytes;
  }
}

void GenerateStreamReader::read_part(const Part& part, EventSink& sink) {
  switch (part.kind) {
    case Part::Kind::kThought:
      read_text(Open::kThinking, part.text, sink);
      if (!part.signature.empty()) sign(part.signature, sink);
      return;
    case Part::Kind::kCall:
      return read_call(part, sink);
    case Part::Kind::kText:
      read_text(Open::kText, part.text, sink);
      break;
    case Part::Kind::kCode:
    case Part::Kind::kCodeResult:
      read_code(part, sink);
      break;
    case Part::Kind::kMedia:
      read_media(part, sink);
      break;
    case Part::Kind::kNone:
      break;
  }
  // Of what is no call it need not be played back; who looks at thinking will.
  if (!part.signature.empty() && plan_.shows_thinking) sign(part.signature, sink);
}

void GenerateStreamReader::read_text(Open kind, String text, EventSink& sink) {
  if (text.empty()) return;
  if (open_ != kind) open(kind, sink);
  send(sink, Event::Kind::kDelta, kind == Open::kThinking ? BlockKind::kThinking : BlockKind::kText,
       text);
}

/// What the upstream has run by itself.
void GenerateStreamReader::read_code(const Part& part, EventSink& sink) {
  const bool code = part.kind == Part::Kind::kCode;
  read_text(Open::kText, {.bytes = code ? "\\n```python\\n" : "\\n```\\n", .escaped = true}, sink);
  read_text(Open::kText, part.text, sink);
  read_text(Open::kText, {.bytes = "\\n```\\n", .escaped = true}, sink);
}

/// No client's dialect has a place for it in an answer, but texts are shown with their images.
void GenerateStreamReader::read_media(const Part& part, EventSink& sink) {
  if (part.data.empty()) return;
  const bool image = part.media_type.bytes.starts_with("image/");
  read_text(Open::kText, chat::literal(image ? "![image](data:" : "[file](data:"), sink);
  read_text(Open::kText, part.media_type, sink);
  read_text(Open::kText, chat::literal(";base64,"), sink);
  read_text(Open::kText, part.data, sink);
  read_text(Open::kText, chat::literal(")"), sink);
}

void GenerateStreamReader::read_call(const Part& part, EventSink& sink) {
  if (part.name.empty() || overflowed()) return;
  if (!part.signature.empty()) sign(part.signature, sink);
  close_block(sink);
  const std::string_view given =
      part.arguments.kind() == json::Kind::kObject ? part.arguments.raw() : "{}";
  chat::Arena arena;
  String id = part.id;
  if (id.empty()) {
    // The same whenever the answer is read, and another in every answer.
    std::string subject = id_ + '/' + std::to_string(calls_) + '/';
    subject.append(part.name.bytes).append("/").append(given);
    id = arena.text("toolu_gw" + crypto::short_hash(subject));
  }
  ++calls_;
  ++blocks_;
  sink.take({.kind = Event::Kind::kBlockStart,
             .block_kind = BlockKind::kToolUse,
             .id = id,
             .name = part.name,
             .text = part.signature});
  std::string arguments;
  chat::append_compact(arguments, given);
  send(sink, Event::Kind::kDelta, BlockKind::kToolUse, arena.text(arguments));
  send(sink, Event::Kind::kBlockStop, BlockKind::kToolUse);
}

void GenerateStreamReader::sign(String signature, EventSink& sink) {
  if (plan_.signature_key.empty()) return;
  if (open_ != Open::kThinking) open(Open::kThinking, sink);
  const std::string wrapped =
      chat::mint_signature(plan_.provider, signature.str(), plan_.signature_key.expose());
  send(sink, Event::Kind::kSignature, BlockKind::kThinking, slice(wrapped));
  close_block(sink);
}

/// Later events may tell again what earlier ones have told.
void GenerateStreamReader::read_grounding(Value pages, EventSink& sink) {
  uint32_t number = 0;
  json::Elements elements(pages);
  Value page;
  while (elements.next(page)) {
    if (++number <= pages_) continue;
    pages_ = number;
    const String url = chat::as_text(page["web"]["uri"]);
    if (url.empty()) continue;
    sink.take({.kind = Event::Kind::kAnnotation,
               .block_kind = BlockKind::kText,
               .id = url,
               .name = chat::as_text(page["web"]["title"]),
               .text = {}});
  }
}

void GenerateStreamReader::open(Open kind, EventSink& sink) {
  close_block(sink);
  open_ = kind;
  ++blocks_;
  send(sink, Event::Kind::kBlockStart,
       kind == Open::kThinking ? BlockKind::kThinking : BlockKind::kText);
}

void GenerateStreamReader::close_block(EventSink& sink) {
  if (open_ == Open::kNone) return;
  send(sink, Event::Kind::kBlockStop,
       open_ == Open::kThinking ? BlockKind::kThinking : BlockKind::kText);
  open_ = Open::kNone;
}

bool GenerateStreamReader::close(FinishReason /*reason*/, EventSink& sink) {
  close_block(sink);
  return true;
}

String GenerateStreamReader::stop_text() const { return slice(stop_text_); }

}  // namespace sluice::dialect::gemini
