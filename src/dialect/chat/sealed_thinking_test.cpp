#include "dialect/chat/sealed_thinking.hpp"

#include <gtest/gtest.h>

#include "dialect/chat/signature.hpp"

namespace sluice::dialect::chat {
namespace {

Block thinking(Arena& arena, std::string_view text, std::string_view signature) {
  Block block;
  block.kind = BlockKind::kThinking;
  block.text = arena.text(text);
  block.signature = arena.text(signature);
  return block;
}

TEST(SealedThinking, ComesBackExactly) {
  Arena arena;
  const Block block = thinking(arena, "line\n\"quoted\" \u4e2d", "c2ln+/=");
  Block token;
  token.kind = BlockKind::kThinking;
  token.text = literal("a summary that somebody changed");
  token.signature = arena.text(seal_thinking(block, "claude", "key"));
  ASSERT_TRUE(is_gateway_signature(token.signature.bytes));
  ASSERT_TRUE(unseal_thinking(token, "claude", "key", arena));
  EXPECT_EQ(token.kind, BlockKind::kThinking);
  EXPECT_EQ(token.text.str(), block.text.str());
  EXPECT_EQ(token.signature.str(), "c2ln+/=");
}

TEST(SealedThinking, KeepsWhatIsRedacted) {
  Arena arena;
  Block block;
  block.kind = BlockKind::kRedactedThinking;
  block.signature = literal("ZGF0YQ==");
  Block token;
  token.kind = BlockKind::kThinking;
  token.signature = arena.text(seal_thinking(block, "claude", "key"));
  ASSERT_TRUE(unseal_thinking(token, "claude", "key", arena));
  EXPECT_EQ(token.kind, BlockKind::kRedactedThinking);
  EXPECT_EQ(token.signature.str(), "ZGF0YQ==");
}

TEST(SealedThinking, IsOpenedForItsProviderOnly) {
  Arena arena;
  const Block block = thinking(arena, "text", "sig");
  const std::string token = seal_thinking(block, "claude", "key");
  for (const auto& [provider, key] : {std::pair{"other", "key"}, std::pair{"claude", "other"}}) {
    Block read = thinking(arena, "summary", token);
    EXPECT_FALSE(unseal_thinking(read, provider, key, arena));
    EXPECT_EQ(read.signature.str(), token);
  }
  std::string forged = token;
  forged[forged.size() / 2] ^= 1;
  Block read = thinking(arena, "summary", forged);
  EXPECT_FALSE(unseal_thinking(read, "claude", "key", arena));
}

TEST(SealedThinking, LeavesOtherTokensAlone) {
  Arena arena;
  const std::string minted = mint_signature("gemini", "its own", "key");
  EXPECT_EQ(seal_thinking(thinking(arena, "text", minted), "gemini", "key"), minted);
  Block read = thinking(arena, "text", minted);
  EXPECT_FALSE(unseal_thinking(read, "gemini", "key", arena));
  // What nobody has signed is known to be this provider's, and no more.
  EXPECT_EQ(seal_thinking(thinking(arena, "text", ""), "chat", "key"),
            mint_signature("chat", "", "key"));
  EXPECT_EQ(seal_thinking(thinking(arena, "text", "sig"), "claude", ""), "");
}

}  // namespace
}  // namespace sluice::dialect::chat
