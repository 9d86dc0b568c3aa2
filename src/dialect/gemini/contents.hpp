// The conversation of a request, as Gemini's contents.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/flatten.hpp"
#include "dialect/chat/model.hpp"
#include "dialect/chat/names.hpp"
#include "dialect/chat/turns.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::gemini {

/// What names of functions may be.
chat::NameRule name_rule(const chat::Capabilities& model);

/// Turns of user and model alternate; the results of a model's calls lead the turn after it, in the
/// order of the calls; thinking is gone but for what it was signed with.
class Contents {
 public:
  /// `outgoing` gets what is dropped, and cleaned names.
  Contents(chat::Request& request, const chat::Target& target, chat::Outgoing& outgoing)
      : request_(request),
        target_(target),
        model_(target.capabilities),
        outgoing_(outgoing),
        flattener_(request.arena, target.capabilities, outgoing.dropped) {}

  /// Takes the messages out of the request. kInvalidRequest for content that the model does not
  /// take.
  Status build();

  /// An instruction of the gateway's own, after the client's.
  void instruct(json::String text) { system_.push_back(text); }

  /// Adds `systemInstruction`, if there is one, and `contents`.
  void write(json::Writer& out);

 private:
  /// A result with what is not text in it.
  struct Result {
    json::String id;
    json::String name;
    bool is_error = false;
    json::String text;
    chat::Flattener::Parts media;  // inside of it
  };
  struct Content {
    bool model = false;
    std::vector<Result> results;
    std::vector<const chat::Block*> parts;
  };

  void read_instructions(const chat::Message& message, bool first);
  void prepare(chat::Message& message);
  void restore_signatures(std::vector<chat::Block>& blocks);
  Status flatten(const chat::Turn& turn, const chat::Turn* before);
  Status add_results(const chat::Turn& turn, const chat::Turn& before, Content& content);

  void write_content(json::Writer& out, const Content& content);
  void write_result(json::Writer& out, const Result& result);
  void write_part(json::Writer& out, const chat::Block& part);
  static void write_media(json::Writer& out, const chat::Block& media);

  chat::Request& request_;
  const chat::Target& target_;
  const chat::Capabilities& model_;
  chat::Outgoing& outgoing_;
  chat::Flattener flattener_;
  std::vector<json::String> system_;
  std::vector<chat::Turn> turns_;
  std::vector<Content> contents_;
};

}  // namespace sluice::dialect::gemini
