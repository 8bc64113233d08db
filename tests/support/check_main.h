/* tests/support/check_main.h
 *
 * A unit test program: include this, write START_TEST functions, list them
 * with GREGOR_TESTS. CK_FORK and friends are Check's. */
#ifndef GREGOR_TESTS_SUPPORT_CHECK_MAIN_H
#define GREGOR_TESTS_SUPPORT_CHECK_MAIN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The seed of a random test: a new one each time, or that of the variable SEED, to run
 * again what failed. It is printed before the test can fail. */
static inline unsigned check_seed(void)
{
    const char *given = getenv("SEED");
    unsigned seed = given == NULL ? (unsigned)getpid() : (unsigned)atol(given);
    printf("SEED=%u\n", seed);
    fflush(stdout);
    return seed;
}

/* GREGOR_TESTS("segment", a_test, another_test) */
#define GREGOR_TESTS(name, ...)                                       \
    int main(void)                                                    \
    {                                                                 \
        const TTest *const tests[] = {__VA_ARGS__};                   \
        Suite *suite = suite_create(name);                            \
        TCase *cases = tcase_create(name);                            \
        tcase_set_timeout(cases, 120);                                \
        for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) \
            tcase_add_test(cases, tests[i]);                          \
        suite_add_tcase(suite, cases);                                \
        SRunner *runner = srunner_create(suite);                      \
        srunner_run_all(runner, CK_NORMAL);                           \
        int failed = srunner_ntests_failed(runner);                   \
        srunner_free(runner);                                         \
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;             \
    }

#endif
