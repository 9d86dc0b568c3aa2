#include "admin/openapi.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "admin/page.hpp"
#include "admin/routes.hpp"
#include "json/slices.hpp"

namespace sluice::admin {
namespace {

class OpenApiTest : public testing::Test {
 protected:
  static std::string lower(std::string_view method) {
    std::string out;
    for (const char c : method) out += static_cast<char>(c | 0x20);
    return out;
  }
  json::Value operation(std::string_view method, std::string_view pattern) const {
    return json::Value(document)["paths"][pattern][lower(method)];
  }
  static size_t count(json::Value array) {
    json::Elements elements(array.raw());
    size_t found = 0;
    for (json::Value each; elements.next(each);) ++found;
    return found;
  }

  const std::string document = openapi_document("1.2.3");
};

TEST_F(OpenApiTest, IsJsonAndSaysItsVersion) {
  ASSERT_TRUE(json::valid(document));
  EXPECT_EQ(json::Value(document)["openapi"].as_string(), "3.1.0");
  EXPECT_EQ(json::Value(document)["info"]["version"].as_string(), "1.2.3");
}

TEST_F(OpenApiTest, HoldsEveryRouteWithItsFields) {
  for (const Route& route : all_routes()) {
    SCOPED_TRACE(fmt::format("{} {}", route.method, route.pattern));
    const json::Value found = operation(route.method, route.pattern);
    ASSERT_TRUE(found.exists());
    EXPECT_EQ(found["summary"].as_string(), route.summary);
    EXPECT_EQ(count(found["security"]) == 0, route.access == Access::kPublic);
    const auto variables = static_cast<size_t>(std::ranges::count(route.pattern, '{'));
    EXPECT_EQ(count(found["parameters"]), variables + query_of(route).size());
    const json::Value schema = found["requestBody"]["content"]["application/json"]["schema"];
    EXPECT_EQ(schema.exists(), !route.body.empty());
    for (const Field& field : route.body) {
      EXPECT_TRUE(schema["properties"][field.name].exists()) << field.name;
      EXPECT_FALSE(field.help.empty()) << field.name;
    }
    if (schema.exists()) {
      EXPECT_EQ(schema["additionalProperties"].as_bool(), false);
    }
  }
  for (const LoopRoute& route : loop_routes()) {
    EXPECT_TRUE(operation(route.method, route.pattern).exists()) << route.pattern;
  }
}

TEST_F(OpenApiTest, NamesEveryOperationOnce) {
  std::set<std::string> names;
  const json::Value all = json::Value(document)["paths"];
  json::Members paths(all);
  for (json::Member path; paths.next(path);) {
    json::Members operations(path.value);
    for (json::Member each; operations.next(each);) {
      const std::string name = each.value["operationId"].as_string().value_or("");
      EXPECT_TRUE(names.insert(name).second) << name;
    }
  }
  EXPECT_EQ(names.size(), all_routes().size() + loop_routes().size());
}

}  // namespace
}  // namespace sluice::admin
