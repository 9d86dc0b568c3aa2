#include "workers/heartbeat.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "json/reader.hpp"

namespace sluice::workers {
namespace {

using testing::ElementsAre;

/// Which field is at fault.
std::string refused(std::string_view json) {
  const Result<Heartbeat> parsed = parse_heartbeat(json);
  if (parsed) return "accepted";
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidRequest);
  EXPECT_FALSE(parsed.error().message.empty());
  return parsed.error().param;
}

std::string with(std::string_view members) {
  return R"({"worker_id":"a",)" + std::string(members) + "}";
}

TEST(Heartbeat, ReadsTheBodyOfTheSourceDocument) {
  const auto parsed = parse_heartbeat(R"({
    "worker_id": "gpu-4070tis-01",
    "supported": ["gpt-3.5-turbo", "gpt-4"],
    "total_vram": 12884901888,
    "available_vram": 12884901888,
    "active_tasks": 0,
    "max_tasks": 2
  })");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->worker_id, "gpu-4070tis-01");
  EXPECT_THAT(parsed->supported, ElementsAre("gpt-3.5-turbo", "gpt-4"));
  EXPECT_EQ(parsed->total_vram, 12884901888);
  EXPECT_EQ(parsed->available_vram, 12884901888);
  EXPECT_EQ(parsed->active_tasks, 0);
  EXPECT_EQ(parsed->max_tasks, 2);
  EXPECT_EQ(parsed->endpoint, "");
  EXPECT_EQ(parsed->state, WorkerState::kReady);
  EXPECT_FALSE(parsed->waiting_tasks);
  EXPECT_FALSE(parsed->is_fallback);
}

TEST(Heartbeat, ReadsAllThatItCanHoldAndWritesItBack) {
  Heartbeat all;
  all.worker_id = "a";
  all.supported = {"m", "n"};
  all.total_vram = 1000;
  all.available_vram = 10;
  all.active_tasks = 3;
  all.max_tasks = 64;
  all.endpoint = "https://gpu.example:8443/v1";
  all.is_fallback = true;
  all.boot_id = "b-1";
  all.seq = 17;
  all.sample_at = 1770000000.25;
  all.interval_ms = 250;
  all.state = WorkerState::kDraining;
  all.engine = "vllm";
  all.engine_version = "0.9.1";
  all.gpus = {{.name = "NVIDIA H100", .total_bytes = 80, .free_bytes = 8}};
  all.kv_total_bytes = 4096;
  all.kv_free_bytes = 0;
  all.kv_total_tokens = 400'000;
  all.kv_free_tokens = 1;
  all.waiting_tasks = 2;
  all.waiting_tokens = 2000;
  all.prefill_tps = 4400.5;
  all.decode_tps = 80;
  all.models = {{.id = "m", .loaded = false, .loras = {"x", "y"}, .max_len = 8192},
                {.id = "n", .loaded = true, .loras = {}, .max_len = 0}};
  const std::string text = to_json(all);
  const auto parsed = parse_heartbeat(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->endpoint, all.endpoint);
  EXPECT_EQ(parsed->is_fallback, true);
  EXPECT_EQ(parsed->sample_at, all.sample_at);
  EXPECT_EQ(parsed->state, WorkerState::kDraining);
  EXPECT_EQ(parsed->gpus.at(0).name, "NVIDIA H100");
  EXPECT_EQ(parsed->gpus.at(0).free_bytes, 8);
  EXPECT_EQ(parsed->kv_free_bytes, 0);
  EXPECT_EQ(parsed->kv_free_tokens, 1);
  EXPECT_EQ(parsed->prefill_tps, 4400.5);
  EXPECT_EQ(parsed->models, all.models);
  EXPECT_EQ(to_json(*parsed), text);
}

TEST(Heartbeat, NullMeansUnknownAndNeverZero) {
  const auto parsed = parse_heartbeat(with(
      R"("supported":null,"active_tasks":null,"max_tasks":null,"kv_free_bytes":null,"seq":null,
         "is_fallback":null,"state":null,"models":null,"gpu":null,"endpoint":null,
         "sample_at":null,"prefill_tps":null,"boot_id":null)"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_FALSE(parsed->active_tasks);
  EXPECT_FALSE(parsed->max_tasks);
  EXPECT_FALSE(parsed->kv_free_bytes);
  EXPECT_FALSE(parsed->prefill_tps);
  EXPECT_FALSE(parse_heartbeat(with(R"("x":1)"))->max_tasks);
  // Who names no speed, or none yet, has none.
  EXPECT_FALSE(parse_heartbeat(with(R"("prefill_tps":0)"))->prefill_tps);
}

TEST(Heartbeat, IgnoresWhatNobodyKnows) {
  EXPECT_TRUE(parse_heartbeat(with(R"("color":{"deep":[1,{"er":null}]},"gpu":[{"x":1}])")));
}

TEST(Heartbeat, TakesWholeNumbersHoweverTheyAreWritten) {
  EXPECT_EQ(parse_heartbeat(with(R"("total_vram":1.2884901888e10)"))->total_vram, 12884901888);
  EXPECT_EQ(parse_heartbeat(with(R"("max_tasks":2.0)"))->max_tasks, 2);
  EXPECT_EQ(refused(with(R"("max_tasks":2.5)")), "max_tasks");
}

TEST(Heartbeat, RefusesWhatCannotBe) {
  EXPECT_EQ(refused(""), "");
  EXPECT_EQ(refused("[]"), "");
  EXPECT_EQ(refused("{}"), "worker_id");
  EXPECT_EQ(refused(R"({"worker_id":""})"), "worker_id");
  EXPECT_EQ(refused(R"({"worker_id":7})"), "worker_id");
  EXPECT_EQ(refused(R"({"worker_id":"a\nb"})"), "worker_id");
  EXPECT_EQ(refused(R"({"worker_id":")" + std::string(129, 'a') + R"("})"), "worker_id");
  EXPECT_EQ(refused(R"({"worker_id":"a"} x)"), "");
  EXPECT_EQ(refused(R"({"worker_id":"a")"), "");
  EXPECT_EQ(refused(with(R"("supported":"m")")), "supported");
  EXPECT_EQ(refused(with(R"("supported":[""])")), "supported");
  EXPECT_EQ(refused(with(R"("supported":[1])")), "supported");
  EXPECT_EQ(refused(with(R"("active_tasks":-1)")), "active_tasks");
  EXPECT_EQ(refused(with(R"("active_tasks":"1")")), "active_tasks");
  EXPECT_EQ(refused(with(R"("max_tasks":1e300)")), "max_tasks");
  EXPECT_EQ(refused(with(R"("total_vram":99999999999999999999)")), "total_vram");
  EXPECT_EQ(refused(with(R"("sample_at":-5)")), "sample_at");
  EXPECT_EQ(refused(with(R"("decode_tps":1e400)")), "decode_tps");
  EXPECT_EQ(refused(with(R"("interval_ms":0)")), "interval_ms");
  EXPECT_EQ(refused(with(R"("state":"sleeping")")), "state");
  EXPECT_EQ(refused(with(R"("is_fallback":1)")), "is_fallback");
  EXPECT_EQ(refused(with(R"("gpu":[7])")), "gpu");
  EXPECT_EQ(refused(with(R"("models":[{"loaded":true}])")), "models.id");
  EXPECT_EQ(refused(with(R"("models":[{"id":"m","max_len":-1}])")), "models.max_len");
}

TEST(Heartbeat, RefusesEndpointsThatWouldLeadAstray) {
  for (const std::string_view url :
       {"gpu:8000", "ftp://gpu", "http://user:secret@gpu:8000", "http://", "http://gpu/?x=1",
        "http://gpu:99999", "http://g pu"}) {
    EXPECT_EQ(refused(with(R"("endpoint":")" + std::string(url) + R"(")")), "endpoint") << url;
  }
  EXPECT_TRUE(parse_heartbeat(with(R"("endpoint":"http://[::1]:8000/v1")")));
}

TEST(Heartbeat, BoundsWhatOneWorkerMayName) {
  const auto list = [](size_t n) {
    std::string names = "[";
    for (size_t i = 0; i < n; ++i) names += (i == 0 ? "\"m" : ",\"m") + std::to_string(i) + "\"";
    return names + "]";
  };
  EXPECT_TRUE(parse_heartbeat(with(R"("supported":)" + list(kMaxModels))));
  EXPECT_EQ(refused(with(R"("supported":)" + list(kMaxModels + 1))), "supported");
  const std::string loras = R"("models":[{"id":"m","loras":)" + list(kMaxModels) + "},";
  EXPECT_EQ(refused(with(loras + R"({"id":"n","loras":)" + list(kMaxModels) +
                         R"(},{"id":"o","loras":["x"]}])")),
            "models.loras");
  EXPECT_EQ(refused(with(R"("x":")" + std::string(kMaxHeartbeat, ' ') + "\"")), "");
}

TEST(HeartbeatReply, IsReadAsItIsWritten) {
  const HeartbeatReply reply{.known = true, .gw_time = 1770000000.5, .next_interval_ms = 5000};
  EXPECT_EQ(to_json(reply), R"({"known":true,"gw_time":1770000000.5,"next_interval_ms":5000})");
  const auto parsed = parse_reply(to_json(reply));
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->known);
  EXPECT_EQ(parsed->gw_time, reply.gw_time);
  EXPECT_FALSE(parse_reply("{}"));
  EXPECT_FALSE(parse_reply("<html>"));
  // A gateway that asks for nonsense is not followed.
  EXPECT_EQ(parse_reply(R"({"known":false,"gw_time":1,"next_interval_ms":-1})")->next_interval_ms,
            5000);
}

}  // namespace
}  // namespace sluice::workers
