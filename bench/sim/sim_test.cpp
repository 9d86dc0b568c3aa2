#include <gtest/gtest.h>

#include <fstream>

#include "sim/engine.hpp"
#include "sim/gateway.hpp"
#include "sim/report.hpp"
#include "sim/run.hpp"

namespace sluice::sim {
namespace {

constexpr double kTarget = 2;

std::vector<const Gpu*> small_fleet() {
  return {gpu_of("h100"), gpu_of("a100"), gpu_of("a100"), gpu_of("l40s"), gpu_of("l40s")};
}

Row row_of_policy(std::string_view policy, int gateways = 1, double interval = 5,
                  uint64_t seeds = 2) {
  static const std::vector<Arrival> arrivals = synthetic(4.5);
  const auto gpus = small_fleet();
  std::vector<Outcome> outcomes;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    outcomes.push_back(run({.arrivals = arrivals,
                            .gpus = gpus,
                            .policy = policy,
                            .gateways = gateways,
                            .interval = interval,
                            .seed = seed}));
  }
  return row_of(outcomes, kTarget);
}

std::string all_of(uint64_t seed) {
  const std::vector<Arrival> arrivals = synthetic(4.5);
  const auto gpus = small_fleet();
  std::vector<Row> rows;
  for (const Policy& policy : policies()) {
    const Outcome outcome = run({.arrivals = std::span(arrivals).first(800),
                                 .gpus = gpus,
                                 .policy = policy.name,
                                 .gateways = 2,
                                 .seed = seed});
    rows.push_back(row_of({&outcome, 1}, kTarget));
    rows.back().policy = policy.title;
  }
  const Heading heading{.trace = "synthetic", .rate = 1, .fleet = "small", .target = kTarget};
  return table(heading, rows) + to_json(heading, rows) + svg(heading, rows);
}

TEST(Simulation, IsTheSameForTheSameSeed) {
  const std::string once = all_of(1);
  EXPECT_EQ(once, all_of(1));
  EXPECT_NE(once, all_of(2));
}

TEST(Simulation, PutsThePoliciesInTheirOrder) {
  const double heartbeat = row_of_policy("seed-heartbeat").within;
  const double seed = row_of_policy("seed").within;
  const double predicted = row_of_policy("predicted").within;
  EXPECT_GT(seed, heartbeat + 0.1);
  EXPECT_GE(predicted, seed);
  EXPECT_GE(predicted, row_of_policy("weighted-least").within);
}

TEST(Simulation, DependsLittleOnHowOftenWorkersTellOfThemselves) {
  const double usual = row_of_policy("predicted").p99;
  EXPECT_NEAR(row_of_policy("predicted", 1, 0.25).p99, usual, 0.15 * usual);
  EXPECT_NEAR(row_of_policy("predicted", 1, 14).p99, usual, 0.15 * usual);
}

TEST(Simulation, TakesRequestsAwayFromAWorkerThatBecomesSlow) {
  const std::vector<Arrival> arrivals = synthetic(4.5);
  const auto gpus = small_fleet();
  const Outcome outcome = run({.arrivals = arrivals,
                               .gpus = gpus,
                               .policy = "predicted",
                               .slowdown = Slowdown{.worker = 0, .at = 300, .times = 3}});
  EXPECT_LT(share_of(outcome, 0, 330, 390), 0.75 * share_of(outcome, 0, 180, 300));
}

TEST(Engine, PrefillsInChunksAndDecodesMeanwhile) {
  Engine engine(*gpu_of("h100"));
  engine.submit({.id = 1, .prompt = 3000, .output = 3, .prefix = {}});
  Engine::Outcome outcome;
  const auto step = [&] {
    const auto takes = engine.begin_step();
    if (takes) engine.end_step(outcome);
    return takes ? seconds(*takes) * 1000 : 0;
  };
  EXPECT_NEAR(step(), 12 + 0.225 * 2048, 1e-6);
  EXPECT_TRUE(outcome.first.empty());
  EXPECT_NEAR(step(), 12 + 0.225 * (3000 - 2048), 1e-6);
  EXPECT_EQ(outcome.first, std::vector<size_t>{1});
  EXPECT_NEAR(step(), 12, 1e-6);
  EXPECT_TRUE(outcome.finished.empty());
  EXPECT_NEAR(step(), 12, 1e-6);
  EXPECT_EQ(outcome.finished, std::vector<size_t>{1});
  EXPECT_EQ(step(), 0);
  EXPECT_EQ(engine.kv_free(), gpu_of("h100")->kv_tokens);
}

TEST(Engine, ReadsOnlyWhatIsNotInItsCache) {
  Engine engine(*gpu_of("l40s"));
  const std::vector<uint64_t> prefix = {7, 8, 9};
  Engine::Outcome outcome;
  const auto all_steps = [&](const Job& job) {
    engine.submit(job);
    double ms = 0;
    while (const auto takes = engine.begin_step()) {
      ms += seconds(*takes) * 1000;
      engine.end_step(outcome);
    }
    return ms;
  };
  const Job job{.id = 1, .prompt = 3 * 512 + 10, .output = 1, .prefix = prefix};
  EXPECT_NEAR(all_steps(job), 30 + 0.825 * 1546, 1e-6);
  EXPECT_NEAR(all_steps(job), 30 + 0.825 * 10, 1e-6);
  EXPECT_EQ(engine.kv_free(), gpu_of("l40s")->kv_tokens);
}

TEST(Engine, StartsTheLastOneAnewWhenItsMemoryIsFull) {
  Engine engine(*gpu_of("l40s"));
  constexpr size_t kJobs = 20;
  for (size_t i = 0; i < kJobs; ++i) {
    engine.submit({.id = i, .prompt = 9000, .output = 2000, .prefix = {}});
  }
  Engine::Outcome outcome;
  while (engine.begin_step()) engine.end_step(outcome);
  EXPECT_EQ(outcome.first.size(), kJobs);
  EXPECT_EQ(outcome.finished.size(), kJobs);
  EXPECT_GT(engine.preemptions(), 0);
  EXPECT_EQ(engine.kv_free(), gpu_of("l40s")->kv_tokens);
}

TEST(Trace, OfAzureIsRead) {
  const std::string path = testing::TempDir() + "azure.csv";
  std::ofstream(path) << "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
                         "2023-11-16 23:59:59.5000000,374,44\r\n"
                         "2023-11-17 00:00:01.2500000,396,109\r\n";
  const auto arrivals = read_azure(path);
  ASSERT_TRUE(arrivals);
  ASSERT_EQ(arrivals->size(), 2U);
  EXPECT_EQ((*arrivals)[0].at, 0);
  EXPECT_NEAR((*arrivals)[1].at, 1.75, 1e-6);
  EXPECT_EQ((*arrivals)[1].prompt, 396);
  EXPECT_EQ((*arrivals)[1].output, 109);
  std::ofstream(path, std::ios::app) << "not a line\n";
  EXPECT_FALSE(read_azure(path));
  EXPECT_FALSE(read_azure(path + ".missing"));
}

TEST(Trace, OfMooncakeIsRead) {
  const std::string path = testing::TempDir() + "mooncake.jsonl";
  std::ofstream(path) << R"({"timestamp": 1000, "input_length": 1100, "output_length": 52, )"
                      << R"("hash_ids": [46, 47, 48]})" << '\n'
                      << R"({"timestamp": 4000, "input_length": 1024, "output_length": 1, )"
                      << R"("hash_ids": [46, 47]})" << '\n';
  const auto arrivals = read_mooncake(path);
  ASSERT_TRUE(arrivals);
  ASSERT_EQ(arrivals->size(), 2U);
  // What is left over at a prompt's end is in no block.
  EXPECT_EQ((*arrivals)[0].prefix, (std::vector<uint64_t>{46, 47}));
  EXPECT_EQ((*arrivals)[1].prefix, (std::vector<uint64_t>{46, 47}));
  EXPECT_EQ((*arrivals)[1].at, 3);
}

}  // namespace
}  // namespace sluice::sim
