#include "crypto/sealer.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace sluice::crypto {
namespace {

TEST(Sealer, OpensWhatItHasSealed) {
  const Sealer sealer{Secret("a secret")};
  for (const std::string& text :
       {std::string(), std::string("sk-1\nsk-2"), std::string(5000, 'x')}) {
    const std::string sealed = sealer.seal(text).value();
    EXPECT_TRUE(Sealer::is_sealed(sealed));
    EXPECT_NE(sealer.seal(text).value(), sealed) << "equal secrets must not look equal";
    EXPECT_EQ(sealer.open(sealed).value(), text);
    if (!text.empty()) {
      EXPECT_FALSE(sealed.contains(text));
    }
  }
}

TEST(Sealer, MarksATextAsOnlyItCan) {
  const Sealer sealer{Secret("a secret")};
  EXPECT_EQ(sealer.mark("sk-1").size(), 8U);
  EXPECT_EQ(sealer.mark("sk-1"), Sealer(Secret("a secret")).mark("sk-1"));
  EXPECT_NE(sealer.mark("sk-1"), sealer.mark("sk-2"));
  EXPECT_NE(sealer.mark("sk-1"), Sealer(Secret("another")).mark("sk-1"));
}

TEST(Sealer, RefusesWhatWasChangedOrIsAnothers) {
  const Sealer sealer{Secret("a secret")};
  const std::string sealed = sealer.seal("sk-0123456789").value();
  EXPECT_FALSE(Sealer(Secret("another")).open(sealed));
  for (size_t i = 10; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(sealer.open(changed)) << i;
  }
  for (const std::string_view each : {"", "sk-plain", "sealed:v1:", "sealed:v1:AAAA"}) {
    EXPECT_FALSE(sealer.open(each)) << each;
  }
}

TEST(Sealer, KeepsItsSecretInAFileForTheOwnerAlone) {
  const std::string folder = testing::TempDir() + "sealer-" + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  const std::string file = folder + "/secret_key";
  const auto first = Sealer::from_file(file);
  ASSERT_TRUE(first) << first.error().message;
  struct stat status{};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const auto again = Sealer::from_file(file);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->open(first->seal("text").value()).value(), "text");
  std::ofstream(file) << "short";
  EXPECT_FALSE(Sealer::from_file(file)) << "a damaged one must not be replaced";
  EXPECT_FALSE(Sealer::from_file(folder + "/nowhere/secret_key"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sluice::crypto
