// Content for upstreams that know texts, images and documents only.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "dialect/chat/capabilities.hpp"
#include "dialect/chat/model.hpp"

namespace sluice::dialect::chat {

bool is_media(const Block& block);

/// Makes kText, kImage and kDocument of blocks; documents that are text become it. Owns what it
/// makes: the parts live as long as it and the blocks.
class Flattener {
 public:
  using Parts = std::vector<const Block*>;

  Flattener(Arena& arena, const Capabilities& model, std::vector<std::string>& dropped)
      : arena_(arena), model_(model), dropped_(dropped) {}

  /// What a message holds. Blocks that cannot be said are noted as dropped. kInvalidRequest, with
  /// `where`, for images and documents that the model does not take.
  Status add(const Block& block, const std::string& where, Parts& parts);
  /// What a result holds, where nothing is dropped: a block that is not known is its JSON.
  Status add_all(const std::vector<Block>& blocks, const std::string& where, Parts& parts);

 private:
  Status check_media(const Block& block, const std::string& where) const;
  const Block* text_part(json::String text);

  Arena& arena_;
  const Capabilities& model_;
  std::vector<std::string>& dropped_;
  std::deque<Block> made_;
};

}  // namespace sluice::dialect::chat
