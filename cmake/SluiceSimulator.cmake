# sluice_sim: routing policies on a modelled fleet, in virtual time (docs/routing-simulation.md).
# Beside the rooms, not one of them: it drives the code of workers/ and nothing uses it.
file(GLOB sim_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/sim/*.cpp)
list(FILTER sim_sources EXCLUDE REGEX "(_test|/main)\\.cpp$")
add_library(sim STATIC ${sim_sources})
target_include_directories(sim PUBLIC ${CMAKE_SOURCE_DIR}/bench)
target_link_libraries(sim PUBLIC workers)
target_precompile_headers(sim REUSE_FROM sluice_pch)

sluice_binary(sluice_sim bench/sim/main.cpp LIBS sim CLI11::CLI11)

add_executable(sim_test ${CMAKE_SOURCE_DIR}/bench/sim/sim_test.cpp)
target_link_libraries(sim_test PRIVATE sim GTest::gmock GTest::gtest_main)
target_precompile_headers(sim_test REUSE_FROM sluice_pch)
add_test(NAME sim COMMAND sim_test --gtest_brief=1)
set_tests_properties(sim PROPERTIES LABELS unit)
