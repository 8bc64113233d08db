/* librdkafka starts its threads by C11's thrd_create(), which ThreadSanitizer does
 * not know: such a thread crashes in the first function that the sanitizer has
 * taken over. A test that uses librdkafka links these instead, and the sanitizer
 * sees threads like any others. What librdkafka does in them, behind locks that it
 * does not see, is not looked at. */
#ifdef __SANITIZE_THREAD__
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

#define TAKES_OVER __attribute__((visibility("default")))

struct start {
    thrd_start_t function;
    void *argument;
};

static void *run(void *context)
{
    struct start start = *(struct start *)context;
    free(context);
    return (void *)(intptr_t)start.function(start.argument);
}

TAKES_OVER int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    struct start *start = malloc(sizeof(*start));
    if (start == NULL)
        return thrd_nomem;
    *start = (struct start){function, argument};
    if (pthread_create(thread, NULL, run, start) == 0)
        return thrd_success;
    free(start);
    return thrd_error;
}

TAKES_OVER int thrd_join(thrd_t thread, int *result)
{
    void *returned;
    if (pthread_join(thread, &returned) != 0)
        return thrd_error;
    if (result != NULL)
        *result = (int)(intptr_t)returned;
    return thrd_success;
}

const char *__tsan_default_suppressions(void);
TAKES_OVER const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:librdkafka.so\n";
}
#else
typedef int nothing_to_replace;
#endif
