#include "discovery/probe.hpp"

#include <gmock/gmock.h>

#include "workers/heartbeat.hpp"

namespace sluice::discovery {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

config::Service service(std::string host) {
  config::Service out;
  out.name = "s";
  out.host = std::move(host);
  out.port = 8000;
  return out;
}

TEST(PlaceOf, TakesNamesAndAddresses) {
  EXPECT_EQ(place_of(service("models.internal"))->endpoint(), "http://models.internal:8000");
  EXPECT_EQ(place_of(service("10.0.0.7"))->endpoint(), "http://10.0.0.7:8000");
  EXPECT_EQ(place_of(service("fd00::7"))->endpoint(), "http://[fd00::7]:8000");
  auto secure = service("a");
  secure.protocol = "https";
  const auto place = place_of(secure);
  EXPECT_EQ(place->endpoint(), "https://a:8000");
  EXPECT_NE(place->origin.tls, nullptr);
}

TEST(PlaceOf, SaysWhatCannotBeAsked) {
  auto wrong = service("a");
  wrong.protocol = "grpc";
  EXPECT_THAT(place_of(wrong).error().message, HasSubstr("grpc is not spoken yet"));
  for (const char* host : {"", "a/b", "user@a", "a b", "a\r\nx: y"}) {
    EXPECT_FALSE(place_of(service(host)).has_value()) << host;
  }
  for (const char* path : {"", "health", "/a b", "/a\r\nx: y"}) {
    wrong = service("a");
    wrong.health_check = path;
    EXPECT_THAT(place_of(wrong).error().message, HasSubstr("health_check")) << path;
  }
}

TEST(ReadModelIds, KnowsBothShapes) {
  EXPECT_THAT(read_model_ids(R"({"object":"list","data":[{"id":"a"},{"id":"b"},{"id":"a"}]})"),
              ElementsAre("a", "b"));
  EXPECT_THAT(read_model_ids(R"({"models":[{"name":"llama3:8b"}]})"), ElementsAre("llama3:8b"));
}

TEST(ReadModelIds, LeavesOutWhatIsNoName) {
  EXPECT_THAT(read_model_ids(R"({"data":[{"id":7},{"id":""},{"id":"a\nb"},{},"x",{"id":"a"}]})"),
              ElementsAre("a"));
  EXPECT_THAT(read_model_ids(R"({"data":[{"id":"a"})"), IsEmpty());
  EXPECT_THAT(read_model_ids("<html>"), IsEmpty());
  std::string many = R"({"data":[)";
  for (int i = 0; i < 2000; ++i) {
    many += (i == 0 ? "{\"id\":\"m" : ",{\"id\":\"m") + std::to_string(i) + "\"}";
  }
  EXPECT_THAT(read_model_ids(many + "]}"), SizeIs(workers::kMaxModels));
}

}  // namespace
}  // namespace sluice::discovery
