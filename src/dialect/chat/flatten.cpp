#include "dialect/chat/flatten.hpp"

#include "dialect/chat/block_text.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/reading.hpp"

namespace sluice::dialect::chat {

bool is_media(const Block& block) {
  return block.kind == BlockKind::kImage || block.kind == BlockKind::kDocument;
}

Status Flattener::add_all(const std::vector<Block>& blocks, const std::string& where,
                          Parts& parts) {
  for (const Block& block : blocks) {
    if (block.kind == BlockKind::kOther || block.kind == BlockKind::kServerTool) {
      std::string json;
      append_compact(json, block.raw.raw());
      parts.push_back(text_part(arena_.text(json)));
    } else if (Status flat = add(block, where, parts); !flat) {
      return flat;
    }
  }
  return {};
}

Status Flattener::add(const Block& block, const std::string& where, Parts& parts) {
  if (block.kind == BlockKind::kText) {
    if (!block.text.empty()) parts.push_back(&block);
    return {};
  }
  if (!is_media(block)) {
    if (block.kind == BlockKind::kOther || block.kind == BlockKind::kServerTool) {
      note(dropped_, "messages.content");
    }
    if (const json::String text = text_of(block, arena_); !text.empty()) {
      parts.push_back(text_part(text));
    }
    return {};
  }
  if (block.source.kind == Source::Kind::kText) {
    parts.push_back(text_part(with_title(block.name, block.source.data, arena_)));
    return {};
  }
  if (block.source.kind == Source::Kind::kBlocks) {
    if (!block.name.empty()) parts.push_back(text_part(block.name));
    return add_all(block.content, where, parts);
  }
  if (Status fine = check_media(block, where); !fine) return fine;
  parts.push_back(&block);
  return {};
}

Status Flattener::check_media(const Block& block, const std::string& where) const {
  if (block.source.kind == Source::Kind::kFileId || block.source.kind == Source::Kind::kNone) {
    return refuse(where, "A file's id is known only to the provider that it was uploaded to.");
  }
  if (needs_fetch(block, model_)) return refuse(where, "The URL could not be fetched.");
  if (block.kind == BlockKind::kImage && !model_.image_in) {
    return refuse(where, "This model takes no images.");
  }
  if (block.kind == BlockKind::kDocument && !model_.pdf_in) {
    return refuse(where, "This model takes no documents.");
  }
  return {};
}

const Block* Flattener::text_part(json::String text) {
  Block& block = made_.emplace_back();
  block.text = text;
  return &block;
}

}  // namespace sluice::dialect::chat
