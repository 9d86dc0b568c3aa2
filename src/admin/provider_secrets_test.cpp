#include "admin/provider_secrets.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::admin {
namespace {

using crypto::Sealer;
using store::ProviderRow;
using Texts = std::vector<std::string>;

const Secret kSecret("of the database");

TEST(ProviderSecrets, KeepsEachKeySealedAlone) {
  const ProviderSecrets secrets{Sealer(kSecret)};
  ProviderRow row;
  row.api_key = secrets.sealed(Texts{"sk-1", "sk-2"}).value();
  EXPECT_EQ(std::count(row.api_key.begin(), row.api_key.end(), '\n'), 1);
  EXPECT_FALSE(row.api_key.contains("sk-"));
  EXPECT_EQ(secrets.keys(row).value(), (Texts{"sk-1", "sk-2"}));
  EXPECT_EQ(secrets.sealed(Texts{}).value(), "");
  EXPECT_FALSE(ProviderSecrets(Sealer(Secret("another"))).keys(row));
}

TEST(ProviderSecrets, ReadsWhatPeopleAndEarlierVersionsHaveWritten) {
  const Sealer sealer(kSecret);
  const ProviderSecrets secrets{sealer};
  ProviderRow row;
  row.api_key = sealer.seal("old-1\nold-2").value() + "\n  plain \r\n\n";
  EXPECT_EQ(secrets.keys(row).value(), (Texts{"old-1", "old-2", "plain"}));
  row.headers = R"( {"x-a":"1","x-b":"2"} )";
  EXPECT_EQ(secrets.headers(row).value(), (ProviderSecrets::Headers{{"x-a", "1"}, {"x-b", "2"}}));
  for (const char* bad : {"[]", R"({"a":1})", R"({"a":"b")", "x"}) {
    row.headers = bad;
    const auto headers = secrets.headers(row);
    ASSERT_FALSE(headers) << bad;
    EXPECT_EQ(headers.error().param, "headers");
  }
}

TEST(ProviderSecrets, HidesWhatIsPlainAndNothingElse) {
  const ProviderSecrets secrets{Sealer(kSecret)};
  ProviderRow row;
  EXPECT_FALSE(secrets.hide(row).value());
  row.api_key = secrets.sealed(Texts{"sk-1"}).value();
  const std::string sealed = row.api_key;
  EXPECT_FALSE(secrets.hide(row).value());
  row.api_key += "\nsk-2";
  row.headers = R"({"x-a":"1"})";
  EXPECT_TRUE(secrets.hide(row).value());
  EXPECT_TRUE(row.api_key.starts_with(sealed + "\nsealed:"));
  EXPECT_TRUE(Sealer::is_sealed(row.headers));
  EXPECT_EQ(secrets.keys(row).value(), (Texts{"sk-1", "sk-2"}));
  EXPECT_EQ(secrets.headers(row).value(), (ProviderSecrets::Headers{{"x-a", "1"}}));
  EXPECT_FALSE(secrets.hide(row).value());
}

}  // namespace
}  // namespace sluice::admin
