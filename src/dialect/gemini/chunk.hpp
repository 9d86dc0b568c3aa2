// A GenerateContentResponse: a whole answer, or one event of a stream, which has the same shape.
// https://ai.google.dev/api/generate-content#generatecontentresponse
#pragma once

#include <string_view>

#include "dialect/output_text.hpp"
#include "dialect/usage.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::gemini {

/// Slices of the JSON; of its first candidate.
struct Chunk {
  json::String id;
  json::String model;
  json::Value usage;
  json::Value error;
  json::Value parts;
  json::String finish;          // finishReason
  json::String finish_message;  // in the provider's words
  json::String block;           // promptFeedback.blockReason
  json::String block_message;   // in the provider's words
  json::Value grounding;        // groundingChunks: pages that the answer is based on
};

/// False when the text is not one valid JSON object.
bool read_chunk(std::string_view json, Chunk& chunk);

struct Part {
  enum class Kind : uint8_t { kNone, kText, kThought, kCall, kMedia, kCode, kCodeResult };
  Kind kind = Kind::kNone;
  json::String text;       // also the code, and what came of it
  json::String signature;  // thoughtSignature
  json::String id;         // of a call; may be empty
  json::String name;       // of a call
  json::Value arguments;   // of a call: an object; may be missing
  json::String media_type;
  json::String data;  // in base64
};
Part read_part(json::Value part);

/// Why generation ended; kNone while it goes on. A prompt that is blocked ends it too.
FinishReason finish_of(const Chunk& chunk);

/// The model has ended with something that is no answer: a call that it could not write.
bool is_failure(const Chunk& chunk);

/// Appends what is text in the parts, in their order. True when there is something that the client
/// sees, text or not.
bool add_texts(const Chunk& chunk, OutputTexts& texts);

}  // namespace sluice::dialect::gemini
