#include "agent/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "agent/beat.hpp"

namespace sluice::agent {
namespace {

using testing::ElementsAre;

std::string file(const std::string& name) {
  std::ifstream in(std::string(SLUICE_AGENT_TESTDATA) + "/" + name, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << name;
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The heartbeat that comes of an engine that shows these files: {page, file}.
workers::Heartbeat beat_of(const Engine& engine,
                           const std::vector<std::pair<std::string_view, std::string>>& shown) {
  Look look{.state = workers::WorkerState::kReady, .engine = &engine};
  for (const auto pages : {engine.facts, engine.gauges}) {
    for (const EnginePage& page : pages) {
      for (const auto& [path, name] : shown) {
        if (path != page.path) continue;
        const Status read = page.read(file(name), look.view);
        EXPECT_TRUE(read.has_value()) << name << ": " << (read ? "" : read.error().message);
      }
    }
  }
  const Plan plan{.id = "w"};
  return compose(plan, look);
}

TEST(Vllm, SumsCountsAndAveragesUseOverItsRanks) {
  const auto beat = beat_of(kVllm, {{"/metrics", "vllm_metrics.txt"},
                                    {"/v1/models", "vllm_models.json"},
                                    {"/version", "vllm_version.json"}});
  EXPECT_EQ(beat.engine, "vllm");
  EXPECT_EQ(beat.engine_version, "0.33.0");
  EXPECT_EQ(beat.active_tasks, 31);
  EXPECT_EQ(beat.waiting_tasks, 3);
  EXPECT_EQ(beat.kv_total_tokens, 2 * 160'000);
  EXPECT_EQ(beat.kv_free_tokens, 200'000);  // 0.375 of it is used
  EXPECT_EQ(beat.kv_total_bytes, std::nullopt);
  EXPECT_EQ(beat.max_tasks, std::nullopt);  // it does not tell
  EXPECT_THAT(beat.supported, ElementsAre("Qwen/Qwen3-32B", "sql-lora"));
  ASSERT_EQ(beat.models.size(), 1U);
  EXPECT_EQ(beat.models[0].max_len, 40'960);
  EXPECT_TRUE(beat.models[0].loaded);
  EXPECT_THAT(beat.models[0].loras, ElementsAre("sql-lora"));
}

TEST(Vllm, TellsNothingBusyWhenItIsIdle) {
  const auto beat = beat_of(kVllm, {{"/metrics", "vllm_idle_metrics.txt"}});
  EXPECT_EQ(beat.active_tasks, 0);
  EXPECT_EQ(beat.waiting_tasks, 0);
  EXPECT_EQ(beat.kv_total_tokens, 320'000);
  EXPECT_EQ(beat.kv_free_tokens, 320'000);
}

TEST(Vllm, BelievesTheNewNameWhereBothAreTold) {
  const auto beat = beat_of(kVllm, {{"/metrics", "vllm_both_names.txt"}});
  EXPECT_EQ(beat.active_tasks, 2);
  EXPECT_EQ(beat.waiting_tasks, 0);
  EXPECT_EQ(beat.kv_total_tokens, 32'000);
  EXPECT_EQ(beat.kv_free_tokens, 16'000);
}

TEST(Vllm, IsUnderstoodInItsOldVersions) {
  const auto beat = beat_of(kVllm, {{"/metrics", "vllm_v0_metrics.txt"}});
  EXPECT_EQ(beat.active_tasks, 6);
  EXPECT_EQ(beat.waiting_tasks, 1);
  EXPECT_EQ(beat.kv_total_tokens, 24'000);
  EXPECT_EQ(beat.kv_free_tokens, 21'600);
}

TEST(Vllm, TellsBytesAndTokensWhereItsConfigurationHasThem) {
  EngineView view;
  const auto read = kVllm.gauges[0].read(
      "vllm:num_requests_running{engine=\"0\"} 1\nvllm:num_requests_running{engine=\"1\"} 1\n"
      "vllm:kv_cache_usage_perc{engine=\"0\"} 0.5\n"
      "vllm:cache_config_info{engine=\"0\",block_size=\"16\",num_gpu_blocks=\"None\","
      "kv_cache_size_tokens=\"1000\",kv_cache_memory_bytes=\"4096\"} 1\n",
      view);
  ASSERT_TRUE(read.has_value());
  // Only one of two ranks says how much it has.
  EXPECT_EQ(view.gauges.kv_total_tokens, 2000);
  EXPECT_EQ(view.gauges.kv_free_tokens, 1000);
  EXPECT_EQ(view.gauges.kv_total_bytes, 8192);
  EXPECT_EQ(view.gauges.kv_free_bytes, 4096);
}

TEST(Sglang, CountsARankOnceAndPrioritiesNotTwice) {
  const auto beat = beat_of(
      kSglang, {{"/metrics", "sglang_metrics.txt"}, {"/server_info", "sglang_server_info.json"}});
  EXPECT_EQ(beat.engine, "sglang");
  EXPECT_EQ(beat.engine_version, "0.5.4");
  EXPECT_EQ(beat.active_tasks, 21);
  EXPECT_EQ(beat.waiting_tasks, 5);
  EXPECT_EQ(beat.kv_total_tokens, 500'000);
  EXPECT_EQ(beat.kv_free_tokens, 300'000);
  EXPECT_EQ(beat.max_tasks, 256);
  EXPECT_THAT(workers::to_json(beat), testing::Not(testing::HasSubstr("sk-not-to-be-told")));
}

TEST(Sglang, TellsNothingBusyWhenItIsIdle) {
  const auto beat = beat_of(kSglang, {{"/metrics", "sglang_idle_metrics.txt"}});
  EXPECT_EQ(beat.active_tasks, 0);
  EXPECT_EQ(beat.waiting_tasks, 0);
  EXPECT_EQ(beat.kv_total_tokens, 500'000);
  EXPECT_EQ(beat.kv_free_tokens, 500'000);
}

TEST(Sglang, IsUnderstoodInItsOldVersionsAndWithUnderscores) {
  const auto old = beat_of(kSglang, {{"/metrics", "sglang_old_metrics.txt"}});
  EXPECT_EQ(old.active_tasks, 162);
  EXPECT_EQ(old.waiting_tasks, 2826);
  EXPECT_EQ(old.kv_free_tokens, std::nullopt);  // of what, it does not tell
  const auto underscore = beat_of(kSglang, {{"/metrics", "sglang_underscore.txt"}});
  EXPECT_EQ(underscore.active_tasks, 43);
  EXPECT_EQ(underscore.waiting_tasks, 3);
  EXPECT_EQ(underscore.kv_total_tokens, 800'000);
  EXPECT_EQ(underscore.kv_free_tokens, 400'000);
}

TEST(Llamacpp, TellsItsCacheBySlots) {
  const auto beat = beat_of(kLlamacpp, {{"/metrics", "llamacpp_metrics.txt"},
                                        {"/slots", "llamacpp_slots.json"},
                                        {"/props", "llamacpp_props.json"},
                                        {"/v1/models", "llamacpp_models.json"}});
  EXPECT_EQ(beat.engine_version, "b11669-Debian");
  EXPECT_EQ(beat.active_tasks, 2);
  EXPECT_EQ(beat.waiting_tasks, 1);
  EXPECT_EQ(beat.max_tasks, 2);
  EXPECT_EQ(beat.kv_total_tokens, 2 * 2048);
  // 81 of the prompt and 607 generated, of which the last is not in the cache yet.
  EXPECT_EQ(beat.kv_free_tokens, 2 * 2048 - 2 * 687);
  EXPECT_EQ(beat.prefill_tps, 9433.96);
  EXPECT_EQ(beat.decode_tps, std::nullopt);  // no answer has ended yet
  ASSERT_EQ(beat.models.size(), 1U);
  EXPECT_EQ(beat.models[0].id, "tiny-llama");
  EXPECT_EQ(beat.models[0].max_len, 2048);
}

TEST(Llamacpp, TellsNothingBusyWhenItIsIdle) {
  const auto beat = beat_of(kLlamacpp, {{"/metrics", "llamacpp_idle_metrics.txt"},
                                        {"/slots", "llamacpp_idle_slots.json"}});
  EXPECT_EQ(beat.active_tasks, 0);
  EXPECT_EQ(beat.waiting_tasks, 0);
  EXPECT_EQ(beat.max_tasks, 2);
  // What a slot remembers of its last request makes way for the next.
  EXPECT_EQ(beat.kv_free_tokens, 2 * 2048);
  EXPECT_EQ(beat.prefill_tps, std::nullopt);
}

TEST(Llamacpp, CountsWhatIsGeneratedApartWhereItsVersionDoes) {
  const auto beat = beat_of(kLlamacpp, {{"/slots", "llamacpp_b6700_slots.json"}});
  EXPECT_EQ(beat.max_tasks, 4);
  EXPECT_EQ(beat.kv_total_tokens, 4 * 8192);
  EXPECT_EQ(beat.kv_free_tokens, 4 * 8192 - 1136 - 500);
}

TEST(Llamacpp, IsUnderstoodInItsOldVersions) {
  const auto beat = beat_of(
      kLlamacpp, {{"/metrics", "llamacpp_old_metrics.txt"}, {"/slots", "llamacpp_old_slots.json"}});
  EXPECT_EQ(beat.active_tasks, 1);
  EXPECT_EQ(beat.kv_total_tokens, 8192);
  EXPECT_EQ(beat.kv_free_tokens, 8192 - 1096);
  EXPECT_EQ(beat.prefill_tps, std::nullopt);
  EXPECT_EQ(beat.decode_tps, std::nullopt);
}

TEST(Llamacpp, CountsBusySlotsWithoutItsMetricsAndTakesAFullSlotForWhatItDoesNotTell) {
  EngineView view;
  ASSERT_TRUE(
      kLlamacpp.gauges[1].read(R"([{"n_ctx":100,"is_processing":true},{"n_ctx":100}])", view));
  EXPECT_EQ(view.gauges.running, 1);
  EXPECT_EQ(view.gauges.max_tasks, 2);
  EXPECT_EQ(view.gauges.kv_free_tokens, 100);
}

TEST(Ollama, TellsWhichModelsAreInMemory) {
  const auto beat =
      beat_of(kOllama, {{"/api/tags", "ollama_tags.json"}, {"/api/ps", "ollama_ps.json"}});
  EXPECT_THAT(beat.supported, ElementsAre("llama3.2:latest", "llama3.2", "qwen3:8b", "gemma3:27b"));
  ASSERT_EQ(beat.models.size(), 4U);
  EXPECT_TRUE(beat.models[0].loaded);
  EXPECT_TRUE(beat.models[1].loaded);
  EXPECT_EQ(beat.models[1].max_len, 4096);
  EXPECT_TRUE(beat.models[2].loaded);
  EXPECT_FALSE(beat.models[3].loaded);
  EXPECT_EQ(beat.active_tasks, std::nullopt);
  EXPECT_EQ(beat.total_vram, std::nullopt);
}

TEST(Ollama, TellsFreeMemoryOfWhatThereIsInAll) {
  Look look{.engine = &kOllama};
  ASSERT_TRUE(kOllama.gauges[0].read(file("ollama_ps.json"), look.view));
  Plan plan{.id = "w"};
  plan.vram = int64_t{24} << 30;
  const auto beat = compose(plan, look);
  EXPECT_EQ(beat.total_vram, int64_t{24} << 30);
  EXPECT_EQ(beat.available_vram, (int64_t{24} << 30) - 3'921'465'344 - 5'000'000'000);
}

TEST(Tgi, TellsItsBatchAndItsQueue) {
  const auto beat = beat_of(kTgi, {{"/metrics", "tgi_metrics.txt"}, {"/info", "tgi_info.json"}});
  EXPECT_EQ(beat.active_tasks, 8);
  EXPECT_EQ(beat.waiting_tasks, 5);
  EXPECT_EQ(beat.max_tasks, 128);
  EXPECT_EQ(beat.kv_total_tokens, std::nullopt);
  EXPECT_EQ(beat.engine_version, "3.3.4");
  EXPECT_THAT(beat.supported, ElementsAre("HuggingFaceH4/zephyr-7b-beta"));
  EXPECT_EQ(beat.models[0].max_len, 4096);
}

TEST(Engines, AreKnownByTheirMetricsAndByTheOwnersOfTheirModels) {
  EXPECT_EQ(engine_of_metrics(file("vllm_metrics.txt")), &kVllm);
  EXPECT_EQ(engine_of_metrics(file("sglang_metrics.txt")), &kSglang);
  EXPECT_EQ(engine_of_metrics(file("sglang_underscore.txt")), &kSglang);
  EXPECT_EQ(engine_of_metrics(file("llamacpp_metrics.txt")), &kLlamacpp);
  EXPECT_EQ(engine_of_metrics(file("tgi_metrics.txt")), &kTgi);
  EXPECT_EQ(engine_of_metrics("up 1\n"), nullptr);
  EXPECT_EQ(engine_of_models(file("vllm_models.json")), &kVllm);
  EXPECT_EQ(engine_of_models(file("llamacpp_models.json")), &kLlamacpp);
  EXPECT_EQ(engine_of_models(R"({"data":[{"id":"a","owned_by":"library"}]})"), &kOllama);
  EXPECT_EQ(engine_of_models(R"({"data":[{"id":"a","owned_by":"somebody"}]})"), nullptr);
}

TEST(Engines, SayWhenAPageIsNotTheirs) {
  EngineView view;
  for (const char* name : {"vllm", "sglang", "llamacpp", "tgi"}) {
    const Engine& engine = *engine_named(name);
    EXPECT_FALSE(engine.gauges[0].read("<html>\n", view)) << name;
    EXPECT_FALSE(engine.facts[0].read("<html>\n", view)) << name;
  }
  EXPECT_FALSE(kLlamacpp.gauges[1].read("{}", view));
  EXPECT_FALSE(kLlamacpp.gauges[1].read(R"([{"n_ctx":"many"}])", view));
  EXPECT_FALSE(kOllama.gauges[0].read(R"({"models":{}})", view));
  EXPECT_FALSE(kTgi.facts[0].read("{}", view));
}

TEST(Engines, BecomeNothingOfFiguresThatCannotBe) {
  EngineView view;
  ASSERT_TRUE(
      kVllm.gauges[0].read("vllm:num_requests_running NaN\n"
                           "vllm:num_requests_waiting -3\n"
                           "vllm:kv_cache_usage_perc 17\n"
                           "vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"2\"} 1\n",
                           view));
  EXPECT_EQ(view.gauges.running, std::nullopt);
  EXPECT_EQ(view.gauges.waiting, std::nullopt);
  EXPECT_EQ(view.gauges.kv_free_tokens, 0);
}

}  // namespace
}  // namespace sluice::agent
