package engines

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hookonce/hookonce/stores/casstore"
)

func dynamoEngine(db *dynamodb.Client, table string) casstore.Engine[*types.AttributeValueMemberB] {
	type values = map[string]types.AttributeValue
	return casstore.Engine[*types.AttributeValueMemberB]{ // the value is the revision: no two are the same
		Get: func(ctx context.Context, key string) ([]byte, *types.AttributeValueMemberB, error) {
			found, err := db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, ConsistentRead: aws.Bool(true), Key: values{"k": &types.AttributeValueMemberS{Value: key}}})
			if err != nil || len(found.Item) == 0 {
				return nil, nil, err
			}
			held, _ := found.Item["v"].(*types.AttributeValueMemberB)
			return held.Value, held, nil
		},
		Put: func(ctx context.Context, key string, value []byte, old *types.AttributeValueMemberB, life time.Duration) (written bool, err error) {
			end := &types.AttributeValueMemberN{Value: strconv.FormatInt(time.Now().Add(life).Unix(), 10)} // "e" is the table's TTL attribute
			put := &dynamodb.PutItemInput{TableName: &table, ConditionExpression: aws.String("attribute_not_exists(k)")}
			put.Item = values{"k": &types.AttributeValueMemberS{Value: key}, "v": &types.AttributeValueMemberB{Value: value}, "e": end}
			if old != nil {
				put.ConditionExpression, put.ExpressionAttributeValues = aws.String("v = :old"), values{":old": old}
			}
			if _, err = db.PutItem(ctx, put); errors.As(err, new(*types.ConditionalCheckFailedException)) {
				return false, nil
			}
			return err == nil, err
		},
	}
}
